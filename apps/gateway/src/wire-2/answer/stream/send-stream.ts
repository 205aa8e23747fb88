import { HttpError } from '../../../http-error.js'
import type { StreamEnd } from '../../../observability/completion-record.js'
import type { StreamMeter } from '../../../completion/stream/stream-meter.js'
import type { SseEvent } from '../../../upstreams/server/sse/read-events.js'
import { UpstreamError, unusableAnswerError } from '../../../upstreams/server/upstream-error.js'
import { encodeEvent, errorEvent, type ErrorShape } from './encode-event.js'
import type { StreamedAnswer } from './streamed-answer.js'

/** Content of a streamed answer. */
export type StreamSource =
  | {
      readonly events: AsyncIterable<SseEvent>
      readonly meter: StreamMeter
      readonly errors: ErrorShape
    }
  | { readonly parts: AsyncIterable<Uint8Array> }

/** End of a stream, and the error that caused it. */
export interface StreamResult {
  readonly end: StreamEnd
  readonly error?: unknown
}

const OK = 200

/**
 * Sends a stream to its end. Every failure becomes an event that the caller can trust, except for a lost
 * connection, of which nothing is known: the answer ends without the mark of its end, as that one did.
 *
 * @param signal - aborts when the caller disconnects
 */
export async function sendStream(
  answer: StreamedAnswer,
  source: StreamSource,
  signal: AbortSignal,
): Promise<StreamResult> {
  try {
    if ('parts' in source) {
      for await (const part of source.parts) await answer.add(part)
    } else await sendEvents(answer, source)
    await answer.end()
    return { end: isClosed(answer) ? 'disconnected' : 'complete' }
  } catch (error) {
    if (signal.aborted || isClosed(answer)) return { end: 'disconnected' }
    const isLost = error instanceof UpstreamError && error.kind === 'dropped'
    if (isLost || 'parts' in source) {
      await answer.truncate()
      return { end: 'truncated', error }
    }
    await answer.add(encodeEvent(errorEvent(refusalOf(error), source.errors)))
    await answer.end()
    return { end: isClosed(answer) ? 'disconnected' : 'failed', error }
  }
}

async function sendEvents(
  answer: StreamedAnswer,
  { events, meter }: Extract<StreamSource, { events: unknown }>,
): Promise<void> {
  for await (const given of events) {
    const { event, isLast } = meter.read(given)
    if (event !== undefined) await answer.add(encodeEvent(event))
    if (isLast || isClosed(answer)) break
  }
  if (!meter.isComplete) throw unusableAnswerError(OK, 'a stream that ends before its answer')
}

/** Read anew each time: the caller may disconnect at any moment. */
const isClosed = (answer: StreamedAnswer): boolean => answer.isClosed

/** Reduces an error to what the caller may know. */
export function refusalOf(error: unknown): HttpError {
  if (error instanceof UpstreamError) return error.refusal
  return error instanceof HttpError ? error : new HttpError(500, 'Internal server error')
}
