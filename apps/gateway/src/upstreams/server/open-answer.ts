import type { Dispatcher } from 'undici'
import type { EventLoopTurns } from '../../json/event-loop-turns.js'
import type { AnswerKind, RouteAnswer, RouteRequest } from '../route.js'
import { readRouteAnswer } from './answer.js'
import { openParts } from './open-parts.js'
import { readAll } from './read-all.js'
import { openEvents } from './sse/open-events.js'
import { oversizedError, unusableAnswerError } from './upstream-error.js'

/** Surroundings of an answer. */
export interface OpenAnswerOptions {
  readonly turns: EventLoopTurns
  /** Largest whole answer. */
  readonly maxBytes: number
  /** Removes the key of the gateway from a text. */
  readonly withoutKey: (text: string) => string
  /**
   * Accounts for the memory of an answer that arrives.
   *
   * @throws HttpError 503 when there is no memory left for it
   */
  readonly reserve: (bytes: number) => void
  /** Translates an error of the connection. */
  readonly errorOf: (error: unknown) => Error
}

const OK = 200
const DEFAULT_MEMBERS = ['choices']
/** Types that are sent on: any other value could be none of a header. */
const MEDIA_TYPE = /^[\w.+-]{1,64}\/[\w.+-]{1,64}(?:; ?[\w-]{1,32}=[\w.-]{1,64}){0,4}$/

/**
 * Reads a successful answer: as a whole, or its first part where it comes in parts.
 *
 * @throws UpstreamError, HttpError
 */
export async function openAnswer(
  response: Dispatcher.ResponseData<unknown>,
  { streamed, answers = [streamed ? 'events' : 'json'], answerMembers }: RouteRequest,
  options: OpenAnswerOptions,
): Promise<RouteAnswer> {
  const { headers, body } = response
  const contentType = String(headers['content-type'] ?? '').trim()
  const kind = kindOf(contentType, answers)
  if (kind === 'events') {
    // The limit is that of whole answers.
    const { maxBytes: _, ...others } = options
    const opened = await openEvents(response, others)
    return {
      contentType,
      body: { kind, events: opened.events },
      close: () => {
        opened.close()
      },
    }
  }
  if (kind === undefined || !isPlain(headers['content-encoding'])) {
    body.on('error', () => undefined).destroy()
    throw unusableAnswerError(OK, 'another type')
  }
  const type = MEDIA_TYPE.test(contentType) ? contentType : 'application/octet-stream'
  if (kind === 'audio') {
    const opened = await openParts(response, options)
    return {
      contentType: type,
      body: { kind: 'stream', parts: opened.parts },
      close: () => {
        opened.close()
      },
    }
  }
  const bytes = await readAll(body, (total) => {
    if (total > options.maxBytes) throw oversizedError(OK)
    options.reserve(total)
  })
  const close = (): void => undefined
  if (kind === 'text') return { contentType: type, body: { kind: 'bytes', bytes }, close }
  const object = await readRouteAnswer(bytes, answerMembers ?? DEFAULT_MEMBERS, options)
  return { contentType: 'application/json', body: { kind, object }, close }
}

/** Decides what an answer is; a type that is missing, or plain text, may be JSON of a small server. */
function kindOf(contentType: string, answers: readonly AnswerKind[]): AnswerKind | undefined {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? ''
  const accepts = (kind: AnswerKind): AnswerKind | undefined =>
    answers.includes(kind) ? kind : undefined
  if (type === 'text/event-stream') return accepts('events')
  if (type === 'application/json') return accepts('json') ?? accepts('text')
  if (type.startsWith('audio/')) return accepts('audio')
  if (type === 'application/octet-stream') return accepts('audio') ?? accepts('text')
  if (type.startsWith('text/') || type === 'application/x-subrip') {
    return accepts('text') ?? accepts('json')
  }
  return type === '' ? (accepts('json') ?? accepts('text')) : undefined
}

const isPlain = (encoding: unknown): boolean => encoding === undefined || encoding === 'identity'
