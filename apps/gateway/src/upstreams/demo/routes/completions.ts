import { randomUUID } from 'node:crypto'
import { LABEL, answerTo, roughTokens } from '../label.js'

type Members = Readonly<Record<string, unknown>>

/** Makes up a completion of a prompt. */
export function completeText({ prompt, model }: Members, now: number): Members {
  const first: unknown = Array.isArray(prompt) ? prompt[0] : prompt
  const text = answerTo(model, typeof first === 'string' ? first : '')
  const [prompt_tokens, completion_tokens] = [roughTokens(prompt ?? ''), roughTokens(text)]
  return {
    id: `cmpl-${randomUUID()}`,
    object: 'text_completion',
    created: now,
    model,
    system_fingerprint: LABEL,
    choices: [{ index: 0, text, logprobs: null, finish_reason: 'stop' }],
    usage: {
      ...{ prompt_tokens, completion_tokens },
      total_tokens: prompt_tokens + completion_tokens,
    },
  }
}
