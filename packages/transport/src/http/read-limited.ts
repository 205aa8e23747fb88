import { abortable } from '../deadline.js'
import { APIConnectionError } from '../errors.js'
import type { HttpSendResponse } from './http-send.js'

/** Initial size of the buffer where no size is announced. */
const FIRST_BYTES = 64 * 1024

/**
 * Reads a body of at most `maxBytes` after decompression; cancels a larger one as soon as it is known to
 * be larger.
 *
 * @throws APIConnectionError `ERR_RESPONSE_TOO_LARGE`; the error of a truncated body
 */
export async function readLimited(
  answer: HttpSendResponse,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const announced = Number(answer.header('content-length') ?? 0)
    if (announced > maxBytes) throw tooLarge(maxBytes)
    // One buffer: a list of small parts would cost many times their size.
    let buffer = new Uint8Array(Math.min(announced > 0 ? announced : FIRST_BYTES, maxBytes))
    let size = 0
    const take = (part: Uint8Array): void => {
      const needed = size + part.length
      if (needed > maxBytes) throw tooLarge(maxBytes)
      if (needed > buffer.length) {
        const grown = new Uint8Array(Math.min(Math.max(buffer.length * 2, needed), maxBytes))
        grown.set(buffer.subarray(0, size))
        buffer = grown
      }
      buffer.set(part, size)
      size = needed
    }
    await abortable(answer.read(take), signal)
    return buffer.subarray(0, size)
  } catch (error) {
    answer.cancel()
    throw error
  }
}

function tooLarge(maxBytes: number): APIConnectionError {
  return new APIConnectionError(
    'ERR_RESPONSE_TOO_LARGE',
    `The answer is larger than ${String(maxBytes)} bytes and was not read.`,
  )
}
