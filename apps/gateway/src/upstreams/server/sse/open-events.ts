import type { Dispatcher } from 'undici'
import { unusableAnswerError } from '../upstream-error.js'
import { withFirst } from '../with-first.js'
import { readEvents, type EventStreamOptions, type SseEvent } from './read-events.js'

const OK = 200
/** An answer that is complete ends soon after its last event: its connection is used again. */
const TAIL_BYTES = 64 * 1024
const TAIL_MS = 200

/** Surroundings of an answer in events. */
export interface OpenEventsOptions extends EventStreamOptions {
  /** Translates an error of the connection. */
  readonly errorOf: (error: unknown) => Error
}

/** Stream of events whose first one has arrived. */
export interface OpenedEvents {
  readonly events: AsyncIterable<SseEvent>
  /** Ends the connection, unless the answer ends at once. Can be called repeatedly. */
  close(): void
}

/**
 * Reads an answer as events, and waits for the first one: an error in its place is an answer of its own.
 *
 * @throws UpstreamError, HttpError
 */
export async function openEvents(
  { headers, body }: Dispatcher.ResponseData<unknown>,
  { errorOf, ...options }: OpenEventsOptions,
): Promise<OpenedEvents> {
  let isOpen = true
  const close = (): void => {
    if (!isOpen) return
    isOpen = false
    // Reads what is left, or destroys the connection.
    body.on('error', () => undefined)
    body
      .dump({ limit: TAIL_BYTES, signal: AbortSignal.timeout(TAIL_MS) })
      .catch(() => body.destroy())
  }
  try {
    const encoding = headers['content-encoding'] ?? 'identity'
    const type = String(headers['content-type'] ?? '')
    if (encoding !== 'identity' || !/^text\/event-stream\b/i.test(type)) {
      throw unusableAnswerError(OK, 'no event stream')
    }
    const parts = body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
    const events = readEvents(parts, options)
    const first = await events.next()
    if (first.done === true) throw unusableAnswerError(OK, 'an event stream without an event')
    return { events: withFirst(first.value, events, errorOf), close }
  } catch (error) {
    close()
    throw errorOf(error)
  }
}
