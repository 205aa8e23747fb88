/**
 * Encodes values as server-sent events (WHATWG HTML, section 9.2), one `data:` line of JSON each, and
 * OpenAI's `[DONE]` at the end. Lazy; fails with the reason of the signal once that is aborted.
 */
export function eventStream(
  values: Iterable<unknown>,
  signal: AbortSignal | undefined,
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
