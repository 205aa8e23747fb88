import type { Socket } from 'node:net'
import { TpmError } from '../errors.js'
import { malformed } from '../response-reader.js'
import { systemCode } from '../system-code.js'
import { responseSize, type TpmTransport } from './transport.js'

/** A command that was sent, and what came back so far. */
interface Exchange {
  received: Uint8Array
  readonly resolve: (response: Uint8Array) => void
  readonly reject: (error: TpmError) => void
}

/** A TPM at the far end of a socket. Answers may come in pieces: their header says how long they are. */
export class StreamTransport implements TpmTransport {
  readonly #connect: () => Socket
  #socket: Socket | undefined
  #exchange: Exchange | undefined

  constructor(connect: () => Socket) {
    this.#connect = connect
  }

  transmit(command: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#exchange = { received: new Uint8Array(), resolve, reject }
      this.#socket ??= this.#open()
      this.#socket.write(command)
    })
  }

  close(): Promise<void> {
    this.#drop(new TpmError('ERR_TPM_CLOSED', 'The connection to the TPM was closed.'))
    return Promise.resolve()
  }

  #open(): Socket {
    const socket = this.#connect()
    let fault = 'closed by the other side'
    socket.on('data', (chunk) => {
      if (socket === this.#socket) this.#receive(chunk)
    })
    socket.on('error', (error) => {
      fault = systemCode(error)
    })
    socket.on('close', () => {
      // An old connection may be done only after the next one was opened.
      if (socket === this.#socket) this.#drop(unreachable(fault))
    })
    return socket
  }

  #receive(chunk: Uint8Array): void {
    const exchange = this.#exchange
    if (exchange === undefined) {
      // An answer to nothing: the one to the next command would be taken for another's.
      this.#drop(malformed('came unasked'))
      return
    }
    try {
      exchange.received = new Uint8Array(Buffer.concat([exchange.received, chunk]))
      const size = responseSize(exchange.received)
      if (size === undefined || exchange.received.length < size) return
      if (exchange.received.length > size) throw malformed('is longer than it says')
      this.#exchange = undefined
      exchange.resolve(exchange.received)
    } catch (error) {
      this.#drop(error as TpmError)
    }
  }

  #drop(error: TpmError): void {
    this.#socket?.destroy()
    this.#socket = undefined
    this.#exchange?.reject(error)
    this.#exchange = undefined
  }
}

function unreachable(fault: string): TpmError {
  return new TpmError(
    'ERR_TPM_UNREACHABLE',
    `No connection to the TPM (${fault}). Check the address and that the TPM is running.`,
  )
}
