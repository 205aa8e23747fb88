import { checkChoices, malformed } from '../completion/read-completion.js'
import { isObject } from '../config/checks.js'
import type { ChatCompletion } from '../types/response.js'
import { textPieces } from './text-pieces.js'

type Members = Record<string, unknown>

/** Chunks repeat the members of the whole completion; all repetitions together take no more than this. */
const MAX_REPEATED_CHARACTERS = 16 * 1024 * 1024
/** The chunks of a choice without tool calls, at most. */
const CHUNKS_OF_CHOICE = 20

/**
 * Splits a completion into the chunks of OpenAI's streaming API: assembled, they give the same
 * completion. Members of the model server are passed on unchecked, as without streaming, except for those
 * that are taken apart.
 *
 * @throws SecurityError `ERR_PLAINTEXT_INVALID` for a completion that cannot be split
 */
export function completionChunks(
  completion: ChatCompletion,
  includeUsage: boolean,
): Iterable<Members> {
  checkChoices(completion)
  const { id, created, model, system_fingerprint, service_tier, usage } = completion as Members
  const base = {
    id,
    object: 'chat.completion.chunk',
    created,
    model,
    // JSON omits undefined members.
    system_fingerprint,
    service_tier,
    ...(includeUsage ? { usage: null } : {}),
    // Marks the pace of this stream as not the model's.
    x_nomyo: { synthetic: true },
  }
  const choices = completion.choices as unknown as Choice[]
  const chunks = choices.reduce(
    (sum, { message }) => sum + CHUNKS_OF_CHOICE + toolCalls(message).length,
    0,
  )
  // An empty stream would end without an error.
  if (chunks === 0 || chunks * JSON.stringify(base).length > MAX_REPEATED_CHARACTERS) {
    throw malformed()
  }
  return chunksOf(base, choices, includeUsage ? usage : undefined)
}

/** A choice, with a message that was checked. */
type Choice = Members & { readonly message: Members }

function* chunksOf(base: Members, choices: readonly Choice[], usage: unknown): Generator<Members> {
  for (const [position, choice] of choices.entries()) {
    for (const part of choiceParts(choice, position)) {
      yield { ...base, choices: [part] }
    }
  }
  if (usage !== undefined) yield { ...base, choices: [], usage }
}

function* choiceParts(choice: Choice, position: number): Generator<Members> {
  const { index: given, message, finish_reason = null, logprobs, ...others } = choice
  // Repeated in every chunk: anything but a number could be long.
  const index = typeof given === 'number' ? given : position
  const deltas = [...messageDeltas(message), {}]
  const last = deltas.length - 1
  for (const [number, delta] of deltas.entries()) {
    yield {
      index,
      delta,
      // Not beside the role: OpenAI's stream helper counts those of its first chunk twice.
      ...(logprobs === undefined ? {} : { logprobs: number === 1 ? logprobs : null }),
      finish_reason: number === last ? finish_reason : null,
      ...(number === last ? others : {}),
    }
  }
}

function* messageDeltas(message: Members): Generator<Members> {
  const { role = 'assistant', content, refusal, tool_calls: _, function_call, ...others } = message
  yield {
    role,
    content: typeof content === 'string' ? '' : content,
    refusal: refusal === undefined ? undefined : null,
    ...others,
  }
  if (typeof content === 'string') for (const piece of textPieces(content)) yield { content: piece }
  if (typeof refusal === 'string') for (const piece of textPieces(refusal)) yield { refusal: piece }
  for (const [index, call] of toolCalls(message).entries()) {
    yield { tool_calls: [{ ...call, index }] }
  }
  if (function_call !== undefined && function_call !== null) yield { function_call }
}

/** Returns the tool calls of a message, which must be a list of objects where there are any. */
function toolCalls({ tool_calls: calls }: Members): readonly Members[] {
  if (calls === undefined || calls === null) return []
  if (Array.isArray(calls) && calls.every(isObject)) return calls
  throw malformed()
}
