import type { ChatCompletion, ChatCompletionRequest, ChatMessage, ToolCall } from '@nomyo/client'
import { readAnswer } from './read-answer.js'
import { runTool, type PageTool } from './tools/tool.js'

/** Asks for a completion: everything but what the conversation itself says. */
export type Ask = (
  request: Pick<ChatCompletionRequest, 'messages' | 'tools' | 'tool_choice'>,
) => Promise<ChatCompletion>

/** What happens while a message is answered. */
export type Turn =
  | {
      readonly kind: 'answer'
      readonly text: string
      readonly model: string
      readonly completion: ChatCompletion
    }
  | { readonly kind: 'tool'; readonly call: ToolCall; readonly result: string }

/** How often a model may ask for tools before it has to answer. */
const MAX_TOOL_ROUNDS = 4

/** What was said so far, in memory. A message that was not answered was never said. */
export class Conversation {
  readonly #messages: ChatMessage[] = []

  /**
   * Says something and tells of everything that comes of it.
   *
   * @throws whatever `ask` throws
   */
  async say(
    text: string,
    ask: Ask,
    tools: readonly PageTool[],
    onTurn: (turn: Turn) => void,
  ): Promise<void> {
    const said: ChatMessage[] = [{ role: 'user', content: text }]
    for (let round = 0; ; round++) {
      const completion = await ask({
        messages: [...this.#messages, ...said],
        ...(tools.length === 0 ? {} : offer(tools, round)),
      })
      const { content, refusal, calls, model } = readAnswer(completion)
      const answer = content ?? refusal ?? ''
      const isLast = calls.length === 0 || round >= MAX_TOOL_ROUNDS
      // Calls that stay without results would make servers refuse whatever is said next.
      said.push({
        role: 'assistant',
        ...(isLast ? { content: answer } : { content, tool_calls: [...calls] }),
      })
      if (answer !== '' || isLast) onTurn({ kind: 'answer', text: answer, model, completion })
      if (isLast) break
      for (const call of calls) {
        const result = runTool(tools, call)
        said.push({ role: 'tool', tool_call_id: call.id, content: result })
        onTurn({ kind: 'tool', call, result })
      }
    }
    this.#messages.push(...said)
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
