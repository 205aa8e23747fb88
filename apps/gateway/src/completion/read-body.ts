import type { IncomingMessage } from 'node:http'
import { HttpError } from '../http-error.js'

/**
 * Returns the size of a body by its headers: the largest allowed one if it is sent in chunks.
 *
 * @throws HttpError 413
 */
export function sizeOfBody({ headers }: IncomingMessage, maxBytes: number): number {
  if (headers['transfer-encoding'] !== undefined) return maxBytes
  const size = Number(headers['content-length'] ?? 0)
  if (size <= maxBytes) return size
  throw tooLarge()
}

/**
 * Reads the body of a request into one array, without a second copy.
 *
 * @param size - of the body, or its limit
 * @throws HttpError 400 when the caller disconnects; 413
 */
export function readBody(request: IncomingMessage, size: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // No event follows for a caller that disconnected before.
    if (request.destroyed) throw malformed()
    // Takes memory only where it is written to.
    const body = Buffer.allocUnsafeSlow(size)
    let length = 0
    const fail = (): void => {
      reject(malformed())
    }
    request.on('data', (part: Buffer) => {
      if (length + part.length > size) {
        // What follows is dropped until the refusal has closed the connection.
        length = size
        reject(tooLarge())
        return
      }
      body.set(part, length)
      length += part.length
    })
    request.once('end', () => {
      resolve(body.subarray(0, length))
    })
    request.once('error', fail).once('close', fail)
  })
}

const malformed = (): HttpError => new HttpError(400, 'The request is malformed')

const tooLarge = (): HttpError => new HttpError(413, 'The request body is too large')
