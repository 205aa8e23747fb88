import { APIConnectionError } from '@nomyo/transport/errors'

/** Conditions that end a stream early. */
export interface StreamLimits {
  readonly signal: AbortSignal | undefined
  /** The time at which it fails, by `performance.now()`. */
  readonly endMs: number
}

/**
 * Encodes values as server-sent events (WHATWG HTML, section 9.2), one `data:` line of JSON each, and
 * OpenAI's `[DONE]` at the end. Lazy; fails with the reason of the signal once that is aborted, and
 * with `ERR_TIMEOUT` for a reader that has not read it all in time.
 */
export function eventStream(
  values: Iterable<unknown>,
  { signal, endMs }: StreamLimits,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const events = eventsOf(values)
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (signal?.aborted === true) {
          controller.error(signal.reason)
          return
        }
        if (performance.now() > endMs) {
          controller.error(
            new APIConnectionError('ERR_TIMEOUT', 'The stream was not read within `timeout`.'),
          )
          return
        }
        const event = events.next()
        if (event.done === true) controller.close()
        else controller.enqueue(encoder.encode(event.value))
      },
    },
    // Nothing is queued ahead, so that an abort takes effect at once.
    { highWaterMark: 0 },
  )
}

function* eventsOf(values: Iterable<unknown>): Generator<string, undefined> {
  // JSON text has no line breaks here, so one line holds each value.
  for (const value of values) yield `data: ${JSON.stringify(value)}\n\n`
  yield 'data: [DONE]\n\n'
}
