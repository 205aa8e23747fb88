import type { Socket } from 'node:net'
import { TpmError } from '../errors.js'
import { malformed } from '../wire/response-reader.js'
import { errnoCode, responseSize, type TpmTransport } from './transport.js'

/** Sent command with the bytes of its response so far. */
interface RoundTrip {
  received: Uint8Array
  readonly resolve: (response: Uint8Array) => void
  readonly reject: (error: TpmError) => void
}

/** Transport over a socket. Responses may arrive in pieces: their header has the size. */
export class StreamTransport implements TpmTransport {
  readonly #connect: () => Socket
  #socket: Socket | undefined
  #roundTrip: RoundTrip | undefined

  constructor(connect: () => Socket) {
    this.#connect = connect
  }

  transmit(command: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#roundTrip = { received: new Uint8Array(), resolve, reject }
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
    let reason = 'closed by the peer'
    socket.on('data', (chunk) => {
      if (socket === this.#socket) this.#receive(chunk)
    })
    socket.on('error', (error) => {
      reason = errnoCode(error)
    })
    socket.on('close', () => {
      // An old connection may close only after the next one was opened.
      if (socket === this.#socket) this.#drop(unreachable(reason))
    })
    return socket
  }

  #receive(chunk: Uint8Array): void {
    const roundTrip = this.#roundTrip
    if (roundTrip === undefined) {
      // It would be taken for the response to the next command.
      this.#drop(malformed('arrived without a command'))
      return
    }
    try {
      roundTrip.received = new Uint8Array(Buffer.concat([roundTrip.received, chunk]))
      const size = responseSize(roundTrip.received)
      if (size === undefined || roundTrip.received.length < size) return
      if (roundTrip.received.length > size) throw malformed('is longer than its header claims')
      this.#roundTrip = undefined
      roundTrip.resolve(roundTrip.received)
    } catch (error) {
      this.#drop(error as TpmError)
    }
  }

  #drop(error: TpmError): void {
    this.#socket?.destroy()
    this.#socket = undefined
    this.#roundTrip?.reject(error)
    this.#roundTrip = undefined
  }
}

function unreachable(reason: string): TpmError {
  return new TpmError(
    'ERR_TPM_UNREACHABLE',
    `No connection to the TPM (${reason}). Check the address and that the TPM is running.`,
  )
}
