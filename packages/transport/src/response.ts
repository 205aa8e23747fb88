import { abortable } from './deadline.js'
import { APIConnectionError } from './errors.js'

/**
 * Reads a body, but never more than `maxBytes` of it after decompression: an oversized one is dropped
 * as soon as it shows.
 *
 * @throws APIConnectionError `ERR_RESPONSE_TOO_LARGE`, `ERR_NETWORK` when it is cut off
 */
export async function readLimited(
  response: Response,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const announced = Number(response.headers.get('content-length') ?? 0)
  if (announced > maxBytes) {
    response.body?.cancel().catch(() => undefined)
    throw tooLarge(maxBytes)
  }
  if (response.body === null) return new Uint8Array()
  const reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array>
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for (;;) {
      const { done, value } = await abortable(reader.read(), signal)
      if (done) break
      size += value.length
      if (size > maxBytes) throw tooLarge(maxBytes)
      chunks.push(value)
    }
  } catch (error) {
    reader.cancel().catch(() => undefined)
    throw error
  }
  return joined(chunks, size)
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    body.set(chunk, offset)
    offset += chunk.length
  }
  return body
}

function tooLarge(maxBytes: number): APIConnectionError {
  return new APIConnectionError(
    'ERR_RESPONSE_TOO_LARGE',
    `The answer is larger than ${String(maxBytes)} bytes and was not read.`,
  )
}
