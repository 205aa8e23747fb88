import type { ChatCompletion, ToolCall } from '@nomyo/client'

/** The usable parts of a completion. */
export interface Answer {
  readonly content: string | null
  readonly refusal: string | null
  readonly calls: readonly ToolCall[]
  readonly model: string
}

/** Further calls are not run. */
const MAX_CALLS = 32

/**
 * Reads a completion. Its type is a promise of the model server: malformed members count as missing.
 * Never throws.
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

/** Returns a text, or the texts of a list of parts. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return null
  const texts = listOf(value).map((part) => membersOf(part)['text'])
  return texts.filter((text) => typeof text === 'string').join('')
}

function isToolCall(value: unknown): value is ToolCall {
  const { id, function: called } = membersOf(value)
  const { name, arguments: parameters } = membersOf(called)
  return [id, name, parameters].every((member) => typeof member === 'string')
}

/** Returns the members of an object; none of any other value. */
const membersOf = (value: unknown): Partial<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
