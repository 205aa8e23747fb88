/**
 * Returns a response whose body fails with the reason of the signal once that is aborted, as with `fetch`: by
 * it SDKs distinguish an abort, which ends a stream without an error, from a fault.
 */
export function abortableResponse(response: Response, signal: AbortSignal | undefined): Response {
  const { status, headers } = response
  const reader = signal && (response.body as ReadableStream<Uint8Array> | null)?.getReader()
  if (reader === undefined) return response
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          signal?.throwIfAborted()
          throw error
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    // Nothing is queued ahead, so that an abort takes effect at once.
    { highWaterMark: 0 },
  )
  return new Response(body, { status, headers })
}
