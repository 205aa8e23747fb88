import { APIConnectionError } from '../errors.js'
import type { HttpSendResponse } from '../http/http-send.js'
import type { DispatchedResponse } from './dispatch.js'

/** Statuses without a body, whose `Response` must have none. */
const NO_BODY = [204, 205, 304]

/**
 * Converts a response of undici to that of `fetch`. Reading a compressed body fails with the reason.
 *
 * @throws APIConnectionError `ERR_NETWORK` for a status that a `Response` cannot have
 */
export function toResponse(answer: DispatchedResponse): Response {
  const { status } = answer
  if (status > 599) {
    answer.cancel()
    throw new APIConnectionError('ERR_NETWORK', `${String(status)} is not an HTTP status.`)
  }
  const headers = Object.entries(answer.fields).flatMap(([name, value]) =>
    [value ?? ''].flat().map((one): [string, string] => [name, one]),
  )
  const hasBody = !NO_BODY.includes(status)
  // Frees the connection.
  if (!hasBody) answer.read(() => undefined).catch(() => undefined)
  return new Response(hasBody ? toStream(answer) : null, { status, headers })
}

/** Creates a stream of a body, which is read as far as its reader asks. */
function toStream(answer: HttpSendResponse): ReadableStream<Uint8Array> {
  let isReading = false
  let readOn = (): void => undefined
  return new ReadableStream<Uint8Array>(
    {
      pull(stream) {
        readOn()
        if (isReading) return
        isReading = true
        answer
          .read((part) => {
            // Before the part is passed on, which may ask for the next one at once.
            const asked = new Promise<void>((resolve) => (readOn = resolve))
            stream.enqueue(part)
            return asked
          })
          .then(() => {
            stream.close()
          })
          .catch((error: unknown) => {
            stream.error(error)
          })
      },
      cancel() {
        answer.cancel()
      },
    },
    { highWaterMark: 0 },
  )
}
