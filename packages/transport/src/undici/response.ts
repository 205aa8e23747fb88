import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { APIConnectionError } from '../errors.js'
import { compressedError } from './compression.js'

/** Statuses without a body, whose `Response` must have none. */
const NO_BODY = [204, 205, 304]

/**
 * Converts a response of undici to that of `fetch`. Reading a compressed body fails with the reason.
 *
 * @throws APIConnectionError `ERR_NETWORK` for a status that a `Response` cannot have
 */
export function toResponse({ statusCode, headers, body }: Dispatcher.ResponseData): Response {
  // A body may fail while no reader is attached: that must not end the process.
  body.on('error', () => undefined)
  if (statusCode > 599) {
    body.destroy()
    throw new APIConnectionError('ERR_NETWORK', `${String(statusCode)} is no status of HTTP.`)
  }
  const error = compressedError(headers)
  if (error !== undefined) body.destroy(error)
  const fields = Object.entries(headers).flatMap(([name, value]) =>
    [value ?? ''].flat().map((one): [string, string] => [name, one]),
  )
  const hasBody = !NO_BODY.includes(statusCode)
  if (!hasBody) body.resume()
  return new Response(hasBody ? toStream(body) : null, { status: statusCode, headers: fields })
}

/**
 * Converts a stream. Not by `Readable.toWeb`, which throws an uncaught error when it is cancelled at its
 * end, nor by `ReadableStream.from`, which keeps the connection when it is cancelled at its beginning.
 */
function toStream(body: Readable): ReadableStream<Uint8Array> {
  const parts: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(stream) {
      const part = await parts.next()
      if (part.done === true) stream.close()
      else stream.enqueue(part.value)
    },
    cancel: () => void body.destroy(),
  })
}
