import { abortable } from '../deadline.js'
import { APIConnectionError } from '../errors.js'
import type { TakePart } from '../transport.js'
import type { HttpSendResponse } from './http-send.js'

/** Initial size of the buffer where no size is announced. */
const FIRST_BYTES = 64 * 1024

/**
 * Hands over a body of at most `maxBytes` after decompression, part by part; cancels a larger one as soon
 * as it is known to be larger.
 *
 * @throws APIConnectionError `ERR_RESPONSE_TOO_LARGE`; the error of a truncated body, and that of `take`
 */
export async function readParts(
  answer: HttpSendResponse,
  maxBytes: number,
  take: TakePart,
  signal: AbortSignal,
): Promise<void> {
  try {
    if (announcedBytes(answer) > maxBytes) throw tooLarge(maxBytes)
    let size = 0
    const takeLimited = (part: Uint8Array): void | Promise<void> => {
      size += part.length
      if (size > maxBytes) throw tooLarge(maxBytes)
      return take(part)
    }
    await abortable(answer.read(takeLimited), signal)
  } catch (error) {
    answer.cancel()
    throw error
  }
}

/**
 * Reads a body as {@link readParts} does, into one buffer.
 *
 * @throws APIConnectionError `ERR_RESPONSE_TOO_LARGE`; the error of a truncated body
 */
export async function readLimited(
  answer: HttpSendResponse,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const announced = announcedBytes(answer)
  // One buffer: a list of small parts would cost many times their size.
  let buffer = new Uint8Array(
    announced <= maxBytes ? Math.min(announced > 0 ? announced : FIRST_BYTES, maxBytes) : 0,
  )
  let size = 0
  const take = (part: Uint8Array): void => {
    const needed = size + part.length
    if (needed > buffer.length) {
      const grown = new Uint8Array(Math.min(Math.max(buffer.length * 2, needed), maxBytes))
      grown.set(buffer.subarray(0, size))
      buffer = grown
    }
    buffer.set(part, size)
    size = needed
  }
  await readParts(answer, maxBytes, take, signal)
  return buffer.subarray(0, size)
}

const announcedBytes = (answer: HttpSendResponse): number =>
  Number(answer.header('content-length') ?? 0)

function tooLarge(maxBytes: number): APIConnectionError {
  return new APIConnectionError(
    'ERR_RESPONSE_TOO_LARGE',
    `The answer is larger than ${String(maxBytes)} bytes and was not read.`,
  )
}
