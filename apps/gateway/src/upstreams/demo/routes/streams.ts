import { setTimeout } from 'node:timers/promises'
import { isRecord } from '../../../json/json-object.js'
import type { SseEvent } from '../../server/sse/read-events.js'

type Members = Readonly<Record<string, unknown>>

/** Pace of a stream. */
export interface Pace {
  /** Pause between two words, so that a stream is seen as one. */
  readonly pauseMs: number
  /** Aborts when the caller disconnects. */
  readonly signal: AbortSignal
}

/** Splits a completion of a prompt into the events of a stream, word by word. */
export async function* streamText(
  completion: Members,
  { pauseMs, signal }: Pace,
): AsyncGenerator<SseEvent, void, undefined> {
  const { choices, usage, ...facts } = completion
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
  const { text } = isRecord(choice) ? choice : {}
  const chunk = (part: string, finish_reason: string | null): SseEvent => ({
    data: JSON.stringify({
      ...facts,
      choices: [{ index: 0, text: part, logprobs: null, finish_reason }],
    }),
  })
  for (const word of wordsOf(text)) {
    if (pauseMs > 0) await setTimeout(pauseMs, undefined, { signal })
    yield chunk(word, null)
  }
  yield chunk('', 'stop')
  yield { data: JSON.stringify({ ...facts, choices: [], usage }) }
  yield { data: '[DONE]' }
}

/** Splits a response into the events of a stream, word by word. */
export async function* streamResponse(
  response: Members,
  { pauseMs, signal }: Pace,
): AsyncGenerator<SseEvent, void, undefined> {
  const { output } = response
  const message: unknown = Array.isArray(output) ? output[0] : undefined
  const item = isRecord(message) ? message : {}
  const part: unknown = Array.isArray(item['content']) ? item['content'][0] : undefined
  const text = isRecord(part) ? part['text'] : ''
  const begun = { ...response, status: 'in_progress', output: [], usage: null }
  const at = { item_id: item['id'], output_index: 0, content_index: 0 }
  let sequence_number = 0
  const event = (type: string, members: Members): SseEvent => ({
    event: type,
    data: JSON.stringify({ type, sequence_number: sequence_number++, ...members }),
  })
  yield event('response.created', { response: begun })
  yield event('response.in_progress', { response: begun })
  yield event('response.output_item.added', {
    output_index: 0,
    item: { ...item, status: 'in_progress', content: [] },
  })
  yield event('response.content_part.added', {
    ...at,
    part: { type: 'output_text', text: '', annotations: [] },
  })
  for (const delta of wordsOf(text)) {
    if (pauseMs > 0) await setTimeout(pauseMs, undefined, { signal })
    yield event('response.output_text.delta', { ...at, delta, logprobs: [] })
  }
  yield event('response.output_text.done', { ...at, text, logprobs: [] })
  yield event('response.content_part.done', { ...at, part })
  yield event('response.output_item.done', { output_index: 0, item })
  yield event('response.completed', { response })
}

/** Splits behind white space; joined, the parts are the text. */
const wordsOf = (text: unknown): readonly string[] =>
  typeof text === 'string' ? text.split(/(?<=\s)(?=\S)/).filter(Boolean) : []
