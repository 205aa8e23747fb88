import { randomUUID } from 'node:crypto'

/** The requested isolation of the hardware. */
export type SecurityTier = 'standard' | 'high' | 'maximum'

/** A request as the gateway decrypted it. */
export interface ChatRequest {
  readonly model: string
  readonly messages: readonly Record<string, unknown>[]
  readonly [parameter: string]: unknown
}

/** Facts from the headers of a request. */
export interface RequestFacts {
  readonly payloadId: string
  /** Undefined when the request names none. */
  readonly securityTier: SecurityTier | undefined
}

/**
 * Returns the completion for a request: an object that is encrypted as it is, or the text of a
 * completion.
 */
export type Answer = (
  request: ChatRequest,
  facts: RequestFacts,
) => object | string | Promise<object | string>

/** The mark of completions without a model. */
const LABEL = 'nomyo-testkit'

/** Answers with the exact text of the last message, like the model `nomyo/echo` of a gateway. */
export const echo: Answer = (request) => textOf(request.messages.at(-1)?.['content'])

/** Builds a completion of `text`; its `system_fingerprint` marks it as one without a model. */
export function textCompletion(request: ChatRequest, text: string): Record<string, unknown> {
  const promptTokens = roughTokens(request.messages)
  const completionTokens = roughTokens(text)
  return {
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model: request.model,
    system_fingerprint: LABEL,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: text, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
    },
  }
}

/** Returns the text of a message: its content, or its text parts joined. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return (content as unknown[])
    .map((part) => (typeof part === 'object' && part !== null && 'text' in part ? part.text : ''))
    .filter((text) => typeof text === 'string')
    .join('')
}

/** Estimates four characters a token. */
const roughTokens = (value: unknown): number => Math.ceil(JSON.stringify(value).length / 4)
