import { InvalidRequestError } from '@nomyo/transport/errors'
import { tooLarge } from '../completion/seal-request.js'

/** In bytes. 10 MiB can be sent; the same JSON may arrive longer, with blanks and escapes. */
const MAX_BODY_BYTES = 16 * 1024 * 1024

/**
 * Reads the body of a request as text, up to a limit. When the signal aborts, reading ends early: check
 * the signal before using the result.
 *
 * @throws InvalidRequestError `ERR_INVALID_REQUEST`, `ERR_REQUEST_TOO_LARGE`
 */
export async function readBody(
  body: BodyInit | null,
  signal: AbortSignal | undefined,
): Promise<string> {
  if (typeof body === 'string') {
    if (body.length > MAX_BODY_BYTES) throw tooLarge(body.length)
    return body
  }
  const reader = readerOf(body)
  const cancel = (): void => void reader.cancel().catch(() => undefined)
  signal?.addEventListener('abort', cancel, { once: true })
  try {
    return await decode(reader)
  } catch (error) {
    cancel()
    if (error instanceof InvalidRequestError) throw error
    throw unreadable()
  } finally {
    signal?.removeEventListener('abort', cancel)
  }
}

function readerOf(body: BodyInit | null): ReadableStreamDefaultReader<Uint8Array> {
  try {
    // Accepts every kind of body.
    const stream = new Response(body ?? '').body as ReadableStream<Uint8Array>
    return stream.getReader()
  } catch {
    throw unreadable()
  }
}

async function decode(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    size += value.length
    if (size > MAX_BODY_BYTES) throw tooLarge(size)
    text += decoder.decode(value, { stream: true })
  }
}

const unreadable = (): InvalidRequestError =>
  new InvalidRequestError(
    'ERR_INVALID_REQUEST',
    'Nothing was sent: the body could not be read as UTF-8. It may have been read before.',
  )
