import { once } from 'node:events'
import { connect } from 'node:net'

/** The end of a body in chunks. Ciphertext that ends a read like this has a chance of 2^-56. */
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n')
const READ_BYTES = 64 * 1024

/**
 * Sends a request on a connection of its own and reads the streamed answer without decrypting it: a generator
 * of load takes as little as possible from the gateway on the same cores.
 *
 * @returns the whole answer, head included
 * @throws Error for an answer that is cut off, or no success
 */
export async function readStream(url: string, request: Uint8Array): Promise<Buffer> {
  const { hostname, port } = new URL(url)
  const parts: Buffer[] = []
  let end = Buffer.alloc(0)
  const socket = connect({
    host: hostname,
    port: Number(port),
    noDelay: true,
    onread: {
      buffer: Buffer.alloc(READ_BYTES),
      callback: (length, buffer) => {
        const part = Buffer.from(buffer.subarray(0, length))
        parts.push(part)
        end = Buffer.concat([end, part.subarray(-LAST_CHUNK.length)]).subarray(-LAST_CHUNK.length)
        if (end.equals(LAST_CHUNK)) socket.destroy()
        return true
      },
    },
  })
  const closed = once(socket, 'close')
  socket.write(request)
  await closed
  const answer = Buffer.concat(parts)
  if (!end.equals(LAST_CHUNK) || answer.toString('latin1', 9, 12) !== '200') {
    throw new Error(`a stream failed: ${answer.toString('latin1', 0, 200)}`)
  }
  return answer
}
