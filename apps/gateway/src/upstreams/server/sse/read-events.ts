import { createParser } from 'eventsource-parser'
import { unusableAnswerError, UpstreamError } from '../upstream-error.js'
import { HttpError } from '../../../http-error.js'
import { errorInEvent } from './error-event.js'

/** Event of a model server. Its id and the time to reconnect are left out: streams are not resumed. */
export interface SseEvent {
  /** Name, where it has one. */
  readonly event?: string | undefined
  readonly data: string
}

/** Limits and surroundings of a stream. */
export interface EventStreamOptions {
  /** Largest event, in characters. Default 16 MiB. */
  readonly maxEventLength?: number | undefined
  /** Largest stream, in bytes. Default 64 MiB. */
  readonly maxBytes?: number | undefined
  /** Removes the key of the gateway from a text. */
  readonly withoutKey: (text: string) => string
  /**
   * Accounts for the memory of an event that arrives.
   *
   * @throws HttpError 503 when there is no memory left for it
   */
  readonly reserve?: ((bytes: number) => void) | undefined
}

const OK = 200
/** Images arrive in one event, and the last event of a response repeats them. */
const MAX_EVENT_LENGTH = 16 * 1024 * 1024
const MAX_BYTES = 64 * 1024 * 1024
const MAX_NAME_LENGTH = 256
/** Servers have a few, if any; each costs the parser more time than a line that it knows. */
const MAX_UNKNOWN_LINES = 4096
/** Characters that are parsed before the limits are checked. */
const PIECE_LENGTH = 8 * 1024
/** Below this, the memory of the request covers an event. */
const SMALL_BYTES = 64 * 1024

/**
 * Reads the events of a stream (HTML Standard, section 9.2) as they arrive. Reads no further while the
 * caller takes no event, so that the model server waits with it.
 *
 * @throws UpstreamError for a stream that is malformed or too large, and for an error that it reports
 * @throws HttpError when there is no memory for an event
 * @throws errors of the parts as they are
 */
export async function* readEvents(
  parts: AsyncIterable<Uint8Array>,
  {
    maxEventLength = MAX_EVENT_LENGTH,
    maxBytes = MAX_BYTES,
    withoutKey,
    reserve,
  }: EventStreamOptions,
): AsyncGenerator<SseEvent, void, undefined> {
  const events: SseEvent[] = []
  let isOversized = false
  let unknownLines = 0
  const parser = createParser({
    maxBufferSize: maxEventLength,
    onEvent: ({ event, data }) => {
      events.push({ event, data })
    },
    onError: ({ type }) => {
      // Unknown fields are ignored, as the standard has it.
      if (type === 'max-buffer-size-exceeded') isOversized = true
      else unknownLines++
    },
  })
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let total = 0
  let pending = 0
  let reserved = SMALL_BYTES
  const toLines = lineEndings()
  for await (const part of parts) {
    total += part.length
    if (total > maxBytes) throw oversized('a stream above the limit')
    pending += part.length
    const needed = Math.max(pending, SMALL_BYTES)
    if (needed !== reserved) reserve?.((reserved = needed))
    const lines = toLines(decode(decoder, part))
    for (let at = 0; at < lines.length; at += PIECE_LENGTH) {
      parser.feed(lines.slice(at, at + PIECE_LENGTH))
      // Set by the parser.
      if (isOversized as boolean) throw oversized('an event above the limit')
      if (unknownLines > MAX_UNKNOWN_LINES) {
        throw unusableAnswerError(OK, 'an event stream with too many unknown fields')
      }
    }
    for (const { event, data } of events.splice(0)) {
      if ((event?.length ?? 0) > MAX_NAME_LENGTH || data.length > maxEventLength) {
        throw oversized('an event above the limit')
      }
      const error = errorInEvent({ event, data }, withoutKey)
      if (error !== undefined) throw error
      yield { event, data: withoutKey(data) }
      pending = 0
    }
  }
}

/**
 * Creates a function that ends all lines of a text in the same way, part after part: the parser waits behind a
 * carriage return, which may be the end of an event.
 */
function lineEndings(): (part: string) => string {
  let endedInReturn = false
  return (part) => {
    if (part === '') return part
    const rest = endedInReturn && part.startsWith('\n') ? part.slice(1) : part
    endedInReturn = part.endsWith('\r')
    return rest.includes('\r') ? rest.replace(/\r\n?/g, '\n') : rest
  }
}

function decode(decoder: TextDecoder, part: Uint8Array): string {
  try {
    return decoder.decode(part, { stream: true })
  } catch {
    throw unusableAnswerError(OK, 'an event stream that is not UTF-8')
  }
}

const oversized = (note: string): UpstreamError =>
  new UpstreamError(
    'oversized',
    new HttpError(502, 'The inference backend gave an unusable answer'),
    { reason: OK, note },
  )
