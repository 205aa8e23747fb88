import { EXIT } from '@nomyo-internal/command-line'
import { printable } from '@nomyo-internal/diagnostics'
import type {
  ChatCompletionChunk,
  ChatCompletionRequest,
  SecureChatCompletion,
} from '@nomyo/client'
import { CommandError } from '../describe-error.js'

/** Listeners for an answer while it arrives. */
export interface AnswerListeners {
  /** Awaits the first part of the answer. */
  readonly waiting: <T>(work: Promise<T>) => Promise<T>
  readonly onText: (text: string) => void
}

/**
 * Requests an answer and hands out its text as it comes. Resolves when its end is authentic.
 *
 * @returns notes about a cut, tool calls and a refusal
 * @throws the errors of the client; text that was handed out before one of them is not a whole answer
 */
export async function streamAnswer(
  client: SecureChatCompletion,
  request: ChatCompletionRequest,
  signal: AbortSignal,
  { waiting, onText }: AnswerListeners,
): Promise<readonly string[]> {
  const answer = new AnswerParts()
  const begin = async (): Promise<AsyncIterator<ChatCompletionChunk, undefined>> => {
    const asked = { ...request, stream: true as const }
    const stream = await client.chat.completions.create(asked, { signal })
    const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<ChatCompletionChunk, undefined>
    // The first one names the role, and may come long before the first word.
    while (answer.text === '') {
      const { value } = await chunks.next()
      if (value === undefined) break
      answer.add(value)
    }
    return chunks
  }
  const chunks = await waiting(begin())
  for (;;) {
    const text = answer.take()
    if (text !== '') onText(text)
    const { value } = await chunks.next()
    if (value === undefined) break
    answer.add(value)
  }
  return answer.notes()
}

/** Sum of the chunks of an answer. Their types are a promise of the model server, and are checked. */
class AnswerParts {
  text = ''
  #hasChoice = false
  #reason: unknown
  #hasCalls = false
  #refusal = ''

  add(chunk: ChatCompletionChunk): void {
    const choices: unknown = chunk.choices
    const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
    const { delta, finish_reason: reason } = membersOf(choice)
    if (choice === undefined) return
    this.#hasChoice = true
    const { content, refusal, tool_calls: calls } = membersOf(delta)
    if (typeof content === 'string') this.text += content
    if (typeof refusal === 'string') this.#refusal += refusal
    if (Array.isArray(calls) && calls.length > 0) this.#hasCalls = true
    this.#reason = reason ?? this.#reason
  }

  /** Returns the text since the last call, without half a character at its end. */
  take(): string {
    const end = /[\uD800-\uDBFF]$/.test(this.text) ? -1 : undefined
    const taken = this.text.slice(0, end)
    this.text = this.text.slice(taken.length)
    return taken
  }

  /** @throws CommandError for an answer without a choice */
  notes(): readonly string[] {
    if (!this.#hasChoice) throw new CommandError('the answer has no choices', EXIT.failed)
    return [
      ...(this.#reason === 'length' ? ['nomyo: the answer was cut off at its maximum length'] : []),
      ...(this.#hasCalls ? ['nomyo: the model called tools; --json shows which'] : []),
      ...(this.#refusal === '' ? [] : [`nomyo: the model refused: ${printable(this.#refusal)}`]),
    ]
  }
}

const membersOf = (value: unknown): Partial<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {}
