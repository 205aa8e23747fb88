import type { ChatCompletion, ChatCompletionRequest, ChatMessage, ToolCall } from '@nomyo/client'
import { isStopped } from '../describe-error.js'
import type { AnswerSoFar } from './answer-parts.js'
import { readAnswer } from './read-answer.js'
import { runTool, type PageTool } from '../tools/tool.js'

/** Requests a completion of the given messages and tools, and reports its text while it arrives. */
export type Ask = (
  request: Pick<ChatCompletionRequest, 'messages' | 'tools' | 'tool_choice'>,
  onText: (soFar: AnswerSoFar) => void,
) => Promise<ChatCompletion>

/** One step of an answer. The text of one that is arriving replaces the one before. */
export type Turn =
  | { readonly kind: 'arriving'; readonly text: string; readonly model: string }
  | {
      readonly kind: 'answer'
      readonly text: string
      readonly model: string
      readonly completion: ChatCompletion
    }
  | { readonly kind: 'tool'; readonly call: ToolCall; readonly result: string }

/** Rounds of tool calls before the model has to answer. */
const MAX_TOOL_ROUNDS = 4

/** The exchanges so far, in memory. A message without an answer is not among them. */
export class Conversation {
  readonly #exchanges: (readonly ChatMessage[])[] = []

  /** Number of exchanges. */
  get length(): number {
    return this.#exchanges.length
  }

  /** Forgets all exchanges from this number on. */
  truncate(length: number): void {
    this.#exchanges.splice(length)
  }

  /**
   * Sends a message, and reports every step of its answer. The text of an answer that was stopped stays in
   * the conversation.
   *
   * @throws errors of `ask`
   */
  async send(
    text: string,
    ask: Ask,
    tools: readonly PageTool[],
    onTurn: (turn: Turn) => void,
  ): Promise<void> {
    const messages: ChatMessage[] = [{ role: 'user', content: text }]
    for (let round = 0; ; round++) {
      const request = {
        messages: [...this.#exchanges.flat(), ...messages],
        ...(tools.length === 0 ? {} : offer(tools, round)),
      }
      let arrived = ''
      const asked = ask(request, ({ text: soFar, model }) => {
        arrived = soFar
        onTurn({ kind: 'arriving', text: soFar, model })
      })
      const completion = await asked.catch((error: unknown) => {
        if (isStopped(error) && arrived !== '') {
          this.#exchanges.push([...messages, { role: 'assistant', content: arrived }])
        }
        throw error
      })
      const { content, refusal, calls, model } = readAnswer(completion)
      const answer = content ?? refusal ?? ''
      const isLast = calls.length === 0 || round >= MAX_TOOL_ROUNDS
      // Servers refuse every later message after calls without results.
      messages.push({
        role: 'assistant',
        ...(isLast ? { content: answer } : { content, tool_calls: [...calls] }),
      })
      if (answer !== '' || isLast) onTurn({ kind: 'answer', text: answer, model, completion })
      if (isLast) break
      for (const call of calls) {
        const result = runTool(tools, call)
        messages.push({ role: 'tool', tool_call_id: call.id, content: result })
        onTurn({ kind: 'tool', call, result })
      }
    }
    this.#exchanges.push(messages)
  }
}

function offer(
  tools: readonly PageTool[],
  round: number,
): Pick<ChatCompletionRequest, 'tools' | 'tool_choice'> {
  return {
    tools: tools.map(({ definition }) => definition),
    tool_choice: round < MAX_TOOL_ROUNDS ? 'auto' : 'none',
  }
}
