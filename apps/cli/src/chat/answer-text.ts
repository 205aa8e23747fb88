import type { ChatCompletion } from '@nomyo/client'
import { printable } from '../output.js'

/** The text of an answer; says what else is worth knowing about it. */
export function answerText(completion: ChatCompletion, note: (text: string) => void): string {
  const { message, finish_reason: reason } = completion.choices[0]
  if (reason === 'length') note('nomyo: the answer was cut off at its longest length')
  const calls = message.tool_calls?.length ?? 0
  if (calls > 0) note('nomyo: the model asked for tools; --json shows which')
  if (typeof message.refusal === 'string')
    note(`nomyo: the model refused: ${printable(message.refusal)}`)
  return message.content ?? ''
}
