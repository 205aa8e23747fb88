import type { EventLoopTurns } from '../../json/event-loop-turns.js'
import { JsonError } from '../../json/json-error.js'
import { readJsonObject, type JsonObject } from '../../json/json-object.js'
import { readForeignError } from './foreign-error.js'
import {
  MAX_ERROR_BYTES,
  refusedError,
  unusableAnswerError,
  type UpstreamError,
} from './upstream-error.js'

const OK = 200
/** Deeper answers could not be read by clients. */
const LIMITS = { maxDepth: 256, maxValues: Infinity }

/** Surroundings of an answer. */
export interface AnswerContext {
  readonly contentType: string
  readonly turns: EventLoopTurns
  /** Removes the key of the gateway from a text. */
  readonly withoutKey: (text: string) => string
}

/**
 * Reads a completion: an object with `choices`, whatever the status says. Tolerates a `data: [DONE]` after
 * it, and one event of a stream that holds all of it.
 *
 * @throws UpstreamError
 */
export async function readCompletion(
  bytes: Buffer,
  { contentType, turns, withoutKey }: AnswerContext,
): Promise<JsonObject> {
  const isStream = contentType.startsWith('text/event-stream') || startsAsStream(bytes)
  const answer = await readObject(withoutEvents(bytes), turns, isStream)
  if (hasChoices(answer)) {
    // Part of an answer: the others would be lost.
    if (valueOf(answer, 'object') === 'chat.completion.chunk') throw eventStream()
    return answer
  }
  if (!hasError(answer)) throw unusableAnswerError(OK, 'no choices')
  throw errorInSuccess(bytes, withoutKey)
}

function errorInSuccess(bytes: Buffer, withoutKey: (text: string) => string): UpstreamError {
  const text = withoutKey(bytes.toString('utf8', 0, MAX_ERROR_BYTES))
  const facts = { reason: OK, note: 'an error in a success' }
  return refusedError(readForeignError(undefined, text), facts)
}

/**
 * Reads an answer of a route: an object with one of these members, whatever the status says.
 *
 * @throws UpstreamError
 */
export async function readRouteAnswer(
  bytes: Buffer,
  members: readonly string[],
  { turns, withoutKey }: Pick<AnswerContext, 'turns' | 'withoutKey'>,
): Promise<JsonObject> {
  const answer = await readObject(bytes, turns, false)
  if (members.some((name) => (answer.typeOf(name) ?? 'null') !== 'null')) return answer
  if (!hasError(answer)) throw unusableAnswerError(OK, 'no content')
  throw errorInSuccess(bytes, withoutKey)
}

async function readObject(
  bytes: Buffer,
  turns: EventLoopTurns,
  isStream: boolean,
): Promise<JsonObject> {
  try {
    return await readJsonObject(bytes, { limits: LIMITS, turns })
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    throw isStream ? eventStream() : unusableAnswerError(OK, `not a JSON object: ${error.code}`)
  }
}

const eventStream = () => unusableAnswerError(OK, 'an event stream')

function hasChoices(answer: JsonObject): boolean {
  if (answer.typeOf('choices') !== 'array') return false
  const choices = valueOf(answer, 'choices')
  // Undefined for many bytes of them.
  return choices === undefined || (choices as readonly unknown[]).length > 0
}

const hasError = (answer: JsonObject): boolean =>
  valueOf(answer, 'object') === 'error' ||
  ['error', 'detail'].some((name) =>
    ['object', 'array', 'string'].includes(answer.typeOf(name) ?? ''),
  )

/** Returns the value of a small member. */
const valueOf = (answer: JsonObject, name: string): unknown =>
  answer.isSmall(name) ? answer.member(name) : undefined

const DATA = 'data:'
const DONE = 'data: [DONE]'
/** Above any white space around an answer. */
const EDGE_BYTES = 64

const startsAsStream = (bytes: Buffer): boolean =>
  /^\s*(?:data:|event:|:)/.test(bytes.toString('latin1', 0, EDGE_BYTES))

/** Removes a final `data: [DONE]`, and the `data:` of a single event. */
function withoutEvents(bytes: Buffer): Buffer {
  const tail = bytes.toString('latin1', Math.max(0, bytes.length - EDGE_BYTES)).trimEnd()
  const end = tail.endsWith(DONE) ? bytes.lastIndexOf(DONE) : bytes.length
  const head = bytes.toString('latin1', 0, EDGE_BYTES).trimStart()
  return bytes.subarray(head.startsWith(DATA) ? bytes.indexOf(DATA) + DATA.length : 0, end)
}
