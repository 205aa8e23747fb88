import { setTimeout } from 'node:timers/promises'
import { isRecord } from '../../json/json-object.js'
import type { SseEvent } from '../server/sse/read-events.js'

/** Settings of {@link streamCompletion}. */
export interface DemoStreamOptions {
  /** Ends the stream with the tokens used. */
  readonly includeUsage: boolean
  /** Pause between two words, so that a stream is seen as one. */
  readonly pauseMs: number
  /** Aborts when the caller disconnects. */
  readonly signal: AbortSignal
}

/** Splits a completion of the demo engine into the events of a stream, word by word. */
export async function* streamCompletion(
  completion: Readonly<Record<string, unknown>>,
  { includeUsage, pauseMs, signal }: DemoStreamOptions,
): AsyncGenerator<SseEvent, void, undefined> {
  const { choices, usage, ...facts } = completion
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
  const { message, finish_reason } = isRecord(choice) ? choice : {}
  const { content, tool_calls } = isRecord(message) ? message : {}
  const chunk = (delta: object, finish: unknown = null): SseEvent =>
    eventOf({
      ...facts,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    })
  yield chunk({ role: 'assistant', content: '', refusal: null })
  for (const word of typeof content === 'string' ? wordsOf(content) : []) {
    if (pauseMs > 0) await setTimeout(pauseMs, undefined, { signal })
    yield chunk({ content: word })
  }
  if (Array.isArray(tool_calls)) {
    yield chunk({
      tool_calls: tool_calls.map((call, index) => ({ index, ...(isRecord(call) ? call : {}) })),
    })
  }
  yield chunk({}, finish_reason)
  if (includeUsage) {
    yield eventOf({ ...facts, object: 'chat.completion.chunk', choices: [], usage })
  }
  yield { data: '[DONE]' }
}

const eventOf = (value: object): SseEvent => ({ data: JSON.stringify(value) })

/** Splits behind white space; joined, the parts are the text. */
const wordsOf = (text: string): readonly string[] => text.split(/(?<=\s)(?=\S)/).filter(Boolean)
