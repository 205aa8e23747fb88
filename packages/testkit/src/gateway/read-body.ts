import type { IncomingMessage } from 'node:http'
import { Refusal } from '../errors.js'

/** Room for 10 MiB of JSON as an envelope. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024

/** @throws Refusal 413 */
export async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  // The connection stays open for the refusal.
  const stream = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
  for await (const chunk of stream) {
    size += chunk.length
    if (size > MAX_REQUEST_BYTES) throw new Refusal(413, 'The request body is too large')
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}
