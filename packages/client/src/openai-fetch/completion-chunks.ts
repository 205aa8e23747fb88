import type { ChatCompletion } from '../types/response.js'
import { textPieces } from './text-pieces.js'

type Members = Record<string, unknown>

/**
 * Splits a completion into the chunks of OpenAI's streaming API: assembled, they give the same
 * completion. Members of the model server are passed on unchecked, as without streaming.
 */
export function* completionChunks(
  completion: ChatCompletion,
  includeUsage: boolean,
): Generator<Members> {
  const { id, created, model, system_fingerprint, service_tier, usage } = completion
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
  for (const [position, choice] of objectsOf(completion.choices).entries()) {
    for (const part of choiceParts(choice, position)) {
      yield { ...base, choices: [part] }
    }
  }
  if (includeUsage && usage !== undefined) yield { ...base, choices: [], usage }
}

function* choiceParts(choice: Members, position: number): Generator<Members> {
  const { index = position, message, finish_reason = null, logprobs, ...others } = choice
  const deltas = [...messageDeltas({ ...(message as Members | null | undefined) }), {}]
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
  const { role = 'assistant', content, refusal, tool_calls, function_call, ...others } = message
  yield {
    role,
    content: typeof content === 'string' ? '' : content,
    refusal: refusal === undefined ? undefined : null,
    ...others,
  }
  if (typeof content === 'string') for (const piece of textPieces(content)) yield { content: piece }
  if (typeof refusal === 'string') for (const piece of textPieces(refusal)) yield { refusal: piece }
  for (const [index, call] of objectsOf(tool_calls).entries()) {
    yield { tool_calls: [{ ...call, index }] }
  }
  if (function_call !== undefined && function_call !== null) yield { function_call }
}

/** Returns the objects in what should be a list of them. */
export function objectsOf(value: unknown): Members[] {
  if (!Array.isArray(value)) return []
  return value.filter((entry): entry is Members => typeof entry === 'object' && entry !== null)
}
