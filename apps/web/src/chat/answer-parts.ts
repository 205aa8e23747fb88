import type { ChatCompletion, ChatCompletionChunk } from '@nomyo/client'

/** Further calls are not run. */
const MAX_CALLS = 32

/** Text of an answer so far. */
export interface AnswerSoFar {
  readonly text: string
  readonly model: string
}

interface CallParts {
  id: unknown
  name: string
  parameters: string
}

/**
 * Puts the chunks of a streamed completion together. Their type is a promise of the model server: malformed
 * members count as missing. Never throws.
 */
export class AnswerParts {
  #content: string | null = null
  #refusal: string | null = null
  #model: unknown
  #metadata: unknown
  readonly #calls = new Map<number, CallParts>()

  add(chunk: ChatCompletionChunk): void {
    const { choices, model, _metadata: metadata } = membersOf(chunk)
    this.#model ??= model
    this.#metadata ??= metadata
    const { delta } = membersOf(Array.isArray(choices) ? choices[0] : undefined)
    const { content, refusal, tool_calls: calls } = membersOf(delta)
    if (typeof content === 'string') this.#content = (this.#content ?? '') + content
    if (typeof refusal === 'string') this.#refusal = (this.#refusal ?? '') + refusal
    for (const call of Array.isArray(calls) ? (calls as unknown[]) : []) this.#addCall(call)
  }

  get soFar(): AnswerSoFar {
    const model = typeof this.#model === 'string' ? this.#model : 'Model'
    return { text: this.#content ?? this.#refusal ?? '', model }
  }

  /** Returns a completion, whose members are as unchecked as those of a whole one. */
  completion(): ChatCompletion {
    const calls = [...this.#calls.values()].map(({ id, name, parameters }) => ({
      id,
      type: 'function',
      function: { name, arguments: parameters },
    }))
    const message = {
      role: 'assistant',
      content: this.#content,
      refusal: this.#refusal,
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    }
    const completion: unknown = {
      model: this.#model,
      choices: [{ index: 0, message }],
      _metadata: this.#metadata ?? {},
    }
    return completion as ChatCompletion
  }

  #addCall(call: unknown): void {
    const { index = 0, id, function: called } = membersOf(call)
    const { name, arguments: parameters } = membersOf(called)
    if (typeof index !== 'number') return
    let parts = this.#calls.get(index)
    if (parts === undefined) {
      if (this.#calls.size >= MAX_CALLS) return
      parts = { id, name: '', parameters: '' }
      this.#calls.set(index, parts)
    }
    parts.id ??= id
    if (typeof name === 'string') parts.name += name
    if (typeof parameters === 'string') parts.parameters += parameters
  }
}

const membersOf = (value: unknown): Partial<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {}
