import { randomUUID } from 'node:crypto'
import { Refusal } from '../openai-error.js'
import { isMembers, type Members } from './members.js'
import type { ChatRequest } from './request.js'

/** Reasons for which a message ends. */
export type StopReason = 'end_turn' | 'max_tokens' | 'stop_sequence' | 'tool_use' | 'refusal'

/**
 * Converts a chat completion to a message of Anthropic's API.
 *
 * @throws Refusal for an answer that is none, or a call of a tool whose arguments are no JSON object
 */
export function messageOf(completion: Members, asked: ChatRequest): Members {
  const { choices } = completion
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
  const message = isMembers(choice) ? choice['message'] : undefined
  if (!isMembers(choice) || !isMembers(message)) throw unusable('holds no message')
  const content = contentOf(message, asked.showsThinking)
  return {
    ...emptyMessage(completion),
    content,
    ...ending(choice, asked.stopSequences, {
      hasCalls: content.some(({ type }) => type === 'tool_use'),
      isRefused: typeof message['refusal'] === 'string',
    }),
    usage: usageOf(completion['usage']),
  }
}

/** Creates a message without content, as a stream begins with it. */
export function emptyMessage({ id, model }: Members): Members {
  return {
    id: `msg_${typeof id === 'string' && id !== '' ? id : randomUUID()}`,
    type: 'message',
    role: 'assistant',
    model: typeof model === 'string' ? model : '',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    container: null,
    usage: usageOf(undefined),
  }
}

/** Creates a block of text. */
export const textBlock = (text: string): Members => ({ type: 'text', text, citations: null })

/** Creates a block of reasoning. Nothing signs it: it is not read again. */
export const thinkingBlock = (thinking: string): Members => ({
  type: 'thinking',
  thinking,
  signature: '',
})

/** Creates a call of a tool. */
export const toolUseBlock = (id: unknown, name: string, input: Members): Members => ({
  type: 'tool_use',
  id: typeof id === 'string' && id !== '' ? id : `toolu_${randomUUID()}`,
  name,
  input,
  caller: { type: 'direct' },
})

/** Returns the reasoning in a message or a piece of one, under the names that model servers use. */
export const reasoningIn = ({ reasoning_content, reasoning }: Members): unknown =>
  reasoning_content ?? reasoning

function contentOf(message: Members, showsThinking: boolean): readonly Members[] {
  const { content, refusal, tool_calls: calls } = message
  const reasoning = reasoningIn(message)
  return [
    ...(showsThinking && isText(reasoning) ? [thinkingBlock(reasoning)] : []),
    ...(isText(content) ? [textBlock(content)] : []),
    ...(isText(refusal) ? [textBlock(refusal)] : []),
    ...(Array.isArray(calls) ? calls.map(toolUseOf) : []),
  ]
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

function toolUseOf(call: unknown): Members {
  const called = isMembers(call) ? call['function'] : undefined
  if (!isMembers(call) || !isMembers(called) || typeof called['name'] !== 'string') {
    throw unusable('holds a malformed call of a tool')
  }
  return toolUseBlock(call['id'], called['name'], inputOf(called['arguments']))
}

function inputOf(value: unknown): Members {
  if (value === undefined || value === null || value === '') return {}
  try {
    const input: unknown = typeof value === 'string' ? JSON.parse(value) : value
    if (isMembers(input)) return input
  } catch {
    // The engine's message would quote it.
  }
  throw unusable('calls a tool with arguments that are not a JSON object')
}

/** Members of a message, or of its last piece, that tell why it ended. */
export function ending(
  { finish_reason: finish, stop_reason: stoppedBy }: Members,
  stopSequences: readonly string[],
  { hasCalls, isRefused }: { readonly hasCalls: boolean; readonly isRefused: boolean },
): { readonly stop_reason: StopReason; readonly stop_sequence: string | null } {
  // vLLM names the sequence; other servers do not tell it from an end of its own.
  if (typeof stoppedBy === 'string' && stopSequences.includes(stoppedBy)) {
    return { stop_reason: 'stop_sequence', stop_sequence: stoppedBy }
  }
  return { stop_reason: reasonOf(finish, hasCalls, isRefused), stop_sequence: null }
}

function reasonOf(finish: unknown, hasCalls: boolean, isRefused: boolean): StopReason {
  if (finish === 'length') return 'max_tokens'
  if (finish === 'content_filter' || isRefused) return 'refusal'
  // Some servers end with "stop" after calls.
  return hasCalls ? 'tool_use' : 'end_turn'
}

/** Converts the tokens used. Those that a cache had are counted apart. */
export function usageOf(value: unknown): Members {
  const {
    prompt_tokens,
    completion_tokens,
    prompt_tokens_details: details,
  } = isMembers(value) ? value : {}
  const cached = isMembers(details) ? count(details['cached_tokens']) : 0
  return {
    input_tokens: Math.max(0, count(prompt_tokens) - cached),
    output_tokens: count(completion_tokens),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cached,
    cache_creation: null,
    server_tool_use: null,
    service_tier: null,
  }
}

const count = (value: unknown): number =>
  Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : 0

/** Creates the refusal of an answer. Its text quotes nothing of the answer. */
export const unusable = (problem: string): Refusal =>
  new Refusal(502, 'ERR_ANSWER_INVALID', `The answer of the model server ${problem}.`)
