import { printable } from '@nomyo-internal/diagnostics'
import type { ChatCompletion } from '@nomyo/client'

/** Gives the text of an answer, and notes a cut, tool calls and a refusal. */
export function answerText(completion: ChatCompletion, note: (text: string) => void): string {
  const { message, finish_reason: reason } = completion.choices[0]
  if (reason === 'length') note('nomyo: the answer was cut off at its maximum length')
  const calls = message.tool_calls?.length ?? 0
  if (calls > 0) note('nomyo: the model called tools; --json shows which')
  if (typeof message.refusal === 'string') {
    note(`nomyo: the model refused: ${printable(message.refusal)}`)
  }
  return message.content ?? ''
}
