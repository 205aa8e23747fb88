import { randomUUID } from 'node:crypto'
import type { SseEvent } from '../server/sse/read-events.js'
import type { AnswerEnd, AnswerPart } from './generate.js'

/** Shape of the answers of a route. */
export interface AnswerShape {
  /** Writes a whole answer. */
  whole(parts: readonly AnswerPart[], end: AnswerEnd): Readonly<Record<string, unknown>>
  /** Writes the event of a part, the first one or a later one. */
  part(part: AnswerPart): SseEvent
  /** Writes the events after the last part. */
  end(end: AnswerEnd): readonly SseEvent[]
}

/** Returns the shape of a chat completion of OpenAI's API, for one answer. */
export function chatAnswer(model: string): AnswerShape {
  const facts = { id: `chatcmpl-${randomUUID()}`, created: now(), model }
  const chunk = (delta: object, finish: string | null = null): SseEvent =>
    eventOf({
      ...facts,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    })
  let calls = 0
  let hasBegun = false
  const beginning = (): object => {
    const members = hasBegun ? {} : { role: 'assistant' }
    hasBegun = true
    return members
  }
  return {
    whole: (parts, end) => {
      const called = parts.filter((part) => part.kind === 'call').map(callOf)
      const text = textOf(parts, 'text')
      const thoughts = textOf(parts, 'thought')
      const message = {
        role: 'assistant',
        content: text === '' && called.length > 0 ? null : text,
        refusal: null,
        ...(thoughts === '' ? {} : { reasoning_content: thoughts }),
        ...(called.length === 0 ? {} : { tool_calls: called }),
      }
      return {
        ...facts,
        object: 'chat.completion',
        choices: [{ index: 0, message, logprobs: null, finish_reason: end.reason }],
        usage: usageOf(end),
      }
    },
    part: (part) => {
      const delta = { ...beginning() }
      if (part.kind === 'call') {
        return chunk({ ...delta, tool_calls: [{ index: calls++, ...callOf(part) }] })
      }
      const name = part.kind === 'thought' ? 'reasoning_content' : 'content'
      return chunk({ ...delta, [name]: part.text })
    },
    end: (end) => [
      chunk({ ...beginning() }, end.reason),
      eventOf({
        ...facts,
        object: 'chat.completion.chunk',
        choices: [],
        usage: usageOf(end),
      }),
      { data: '[DONE]' },
    ],
  }
}

/** Returns the shape of a completion of a prompt. */
export function completionAnswer(model: string): AnswerShape {
  const facts = { id: `cmpl-${randomUUID()}`, object: 'text_completion', created: now(), model }
  const choice = (text: string, finish: string | null): object => ({
    ...{ index: 0, text, logprobs: null, finish_reason: finish },
  })
  return {
    whole: (parts, end) => ({
      ...facts,
      choices: [choice(textOf(parts, 'text'), end.reason)],
      usage: usageOf(end),
    }),
    part: (part) => eventOf({ ...facts, choices: [choice(textOf([part], 'text'), null)] }),
    end: (end) => [
      eventOf({ ...facts, choices: [choice('', end.reason)] }),
      eventOf({ ...facts, choices: [], usage: usageOf(end) }),
      { data: '[DONE]' },
    ],
  }
}

const now = (): number => Math.floor(Date.now() / 1000)

const eventOf = (value: object): SseEvent => ({ data: JSON.stringify(value) })

const textOf = (parts: readonly AnswerPart[], kind: 'text' | 'thought'): string =>
  parts.map((part) => (part.kind === kind ? part.text : '')).join('')

const callOf = (call: Extract<AnswerPart, { kind: 'call' }>): object => ({
  id: `call_${randomUUID().replaceAll('-', '')}`,
  type: 'function',
  function: { name: call.name, arguments: call.arguments },
})

const usageOf = ({ promptTokens, cachedTokens, completionTokens }: AnswerEnd): object => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
  prompt_tokens_details: { cached_tokens: cachedTokens },
})
