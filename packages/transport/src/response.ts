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
  const firstBytes = Math.min(announced > 0 ? announced : FIRST_BYTES, maxBytes)
  try {
    return await abortable(readAll(reader, firstBytes, maxBytes), signal)
  } catch (error) {
    reader.cancel().catch(() => undefined)
    throw error
  }
}

/** Where nothing is announced, room for this much to begin with. */
const FIRST_BYTES = 64 * 1024

/** Reads into one buffer: a list of chunks would cost many times their size where they are small. */
async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  firstBytes: number,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  let buffer = new Uint8Array(firstBytes)
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return buffer.subarray(0, size)
    const needed = size + value.length
    if (needed > maxBytes) throw tooLarge(maxBytes)
    if (needed > buffer.length) {
      const grown = new Uint8Array(Math.min(Math.max(buffer.length * 2, needed), maxBytes))
      grown.set(buffer.subarray(0, size))
      buffer = grown
    }
    buffer.set(value, size)
    size = needed
  }
}

function tooLarge(maxBytes: number): APIConnectionError {
  return new APIConnectionError(
    'ERR_RESPONSE_TOO_LARGE',
    `The answer is larger than ${String(maxBytes)} bytes and was not read.`,
  )
}
