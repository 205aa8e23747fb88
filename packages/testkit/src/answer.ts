import { randomUUID } from 'node:crypto'

/** How isolated the hardware was asked to be. */
export type SecurityTier = 'standard' | 'high' | 'maximum'

/** A request as the gateway opened it. */
export interface ChatRequest {
  readonly model: string
  readonly messages: readonly Record<string, unknown>[]
  readonly [parameter: string]: unknown
}

/** What came with a request, in its headers. */
export interface RequestFacts {
  readonly payloadId: string
  /** Undefined when the request named none. */
  readonly securityTier: SecurityTier | undefined
}

/**
 * Gives the completion for a request: an object that is sealed as it is, or a text that a completion
 * is made of.
 */
export type Answer = (
  request: ChatRequest,
  facts: RequestFacts,
) => object | string | Promise<object | string>

/** How completions made here are marked. */
const LABEL = 'nomyo-testkit'

/** Answers with exactly the text of the last message, like the model `nomyo/echo` of a gateway. */
export const echo: Answer = (request) => textOf(request.messages.at(-1)?.['content'])

/** A completion that says `text`, and by its `system_fingerprint` that no model was asked. */
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

/** The text of a message: its content, or its text parts joined. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return (content as unknown[])
    .map((part) => (typeof part === 'object' && part !== null && 'text' in part ? part.text : ''))
    .filter((text) => typeof text === 'string')
    .join('')
}

/** About four characters a token; a stand-in counts no better. */
const roughTokens = (value: unknown): number => Math.ceil(JSON.stringify(value).length / 4)
