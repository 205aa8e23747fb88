import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** An HTTP/1.1 answer with its body as received. */
export interface RawAnswer {
  readonly status: number
  readonly body: Buffer
}

/** Room for more than an answer of 1 KB. */
const READ_BYTES = 16 * 1024

/**
 * A connection that writes whole requests and reads their answers, one after the other. It supports only
 * the answers of the gateway, because more work takes time from the gateway on the same cores.
 */
export class RawConnection {
  readonly #socket: Socket
  #received: Buffer[] = []
  #waiting: { resolve(answer: RawAnswer): void; reject(error: Error): void } | undefined

  private constructor(url: string) {
    const { hostname, port } = new URL(url)
    this.#socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      // Reads into one buffer without streams: both cost more than the rest.
      onread: {
        buffer: Buffer.alloc(READ_BYTES),
        callback: (length, buffer) => {
          this.#received.push(Buffer.from(buffer.subarray(0, length)))
          this.#answerIfComplete()
          return true
        },
      },
    })
    this.#socket.on('error', (error) => this.#waiting?.reject(error))
    this.#socket.on('close', () =>
      this.#waiting?.reject(new Error('the gateway closed a connection')),
    )
  }

  static async open(url: string): Promise<RawConnection> {
    const connection = new RawConnection(url)
    await once(connection.#socket, 'connect')
    return connection
  }

  send(request: Uint8Array): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#waiting = undefined
    this.#socket.destroy()
  }

  #answerIfComplete(): void {
    const bytes = this.#received.length === 1 ? this.#received[0] : Buffer.concat(this.#received)
    if (bytes === undefined) return
    this.#received = [bytes]
    const headEnd = bytes.indexOf('\r\n\r\n')
    if (headEnd === -1) return
    const head = bytes.toString('latin1', 0, headEnd)
    const rest = bytes.subarray(headEnd + 4)
    const length = /^content-length: (\d+)\r?$/im.exec(head)?.[1]
    const body = length === undefined ? joinChunks(rest) : rest
    if (body === undefined || body.length < Number(length ?? 0)) return
    this.#received = []
    this.#waiting?.resolve({ status: Number(head.slice(9, 12)), body })
  }
}

/** Returns the body of `transfer-encoding: chunked`; undefined where its end is missing. */
function joinChunks(bytes: Buffer): Buffer | undefined {
  const chunks: Buffer[] = []
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const length = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const start = lineEnd + 2
    at = start + length + 2
    if (at > bytes.length) return undefined
    if (length === 0) return Buffer.concat(chunks)
    chunks.push(bytes.subarray(start, start + length))
  }
}
