import type { ChatCompletion, ToolCall } from '@nomyo/client'

/** What can be used of a completion. */
export interface Answer {
  readonly content: string | null
  readonly refusal: string | null
  readonly calls: readonly ToolCall[]
  readonly model: string
}

/** Nobody needs more at once; what a model server asks for beyond is not run. */
const MAX_CALLS = 32

/**
 * Reads a completion. Its type is a promise of a model server that nobody has checked: what is not
 * as it should be counts as not there. Never throws.
 */
export function readAnswer(completion: ChatCompletion): Answer {
  const { choices, model } = membersOf(completion)
  const { message } = membersOf(listOf(choices)[0])
  const { content, refusal, tool_calls: calls } = membersOf(message)
  return {
    content: textOf(content),
    refusal: textOf(refusal),
    calls: listOf(calls).slice(0, MAX_CALLS).filter(isToolCall),
    model: textOf(model) ?? 'Model',
  }
}

/** A text, or the texts of a list of parts. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return null
  const texts = listOf(value).map((part) => membersOf(part)['text'])
  return texts.filter((text) => typeof text === 'string').join('')
}

function isToolCall(value: unknown): value is ToolCall {
  const { id, function: called } = membersOf(value)
  const { name, arguments: given } = membersOf(called)
  return [id, name, given].every((member) => typeof member === 'string')
}

/** The members of an object; of everything else none. */
const membersOf = (value: unknown): Partial<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
