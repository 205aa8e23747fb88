import { isRecord } from '../../../json/json-object.js'
import type { ChatCall, ChatItem } from '../library.js'
import { unsupported } from '../refusals.js'

type Message = Readonly<Record<string, unknown>>

/**
 * Translates the messages of OpenAI's API into a conversation. Calls of tools and their results become parts
 * of one turn of the model.
 *
 * @throws UpstreamRefusal
 */
export function readHistory(messages: readonly Message[]): readonly ChatItem[] {
  const items: ChatItem[] = []
  let turn: (string | ChatCall)[] | undefined
  let results: Results = new Map()
  messages.forEach((message, at) => {
    const { role, content } = message
    const param = `messages.${String(at)}`
    if (role === 'tool') {
      if (results.delete(message['tool_call_id'])) return
      throw unsupported(
        `${param}.tool_call_id`,
        'A result must be of a call in the turn before it.',
      )
    }
    const text = textOf(content, `${param}.content`)
    if (role !== 'assistant') {
      turn = undefined
      items.push({ type: itemType(role, param), text })
      return
    }
    if (turn === undefined) items.push({ type: 'model', response: (turn = []) })
    if (text !== '') turn.push(text)
    results = resultsAfter(messages, at)
    turn.push(...callsOf(message['tool_calls'], results, `${param}.tool_calls`))
  })
  // The turn of the model begins, or goes on after its calls.
  if (items.at(-1)?.type !== 'model') items.push({ type: 'model', response: [] })
  return items
}

/** Results of tools by the calls that they belong to. */
type Results = Map<unknown, string>

function itemType(role: unknown, param: string): 'system' | 'user' {
  if (role === 'system' || role === 'developer') return 'system'
  if (role === 'user') return 'user'
  throw unsupported(`${param}.role`, 'The role must be system, developer, user, assistant or tool.')
}

/** Joins the texts of a content. */
function textOf(content: unknown, param: string): string {
  if (content === undefined || content === null) return ''
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) throw unsupported(param, 'The content must be a text.')
  return content
    .map((part: unknown) => {
      const text = isRecord(part) ? (part['text'] ?? part['refusal']) : undefined
      if (typeof text === 'string') return text
      throw unsupported(param, 'The embedded model reads text only.')
    })
    .join('')
}

/** Collects the results that follow a turn of the model. */
function resultsAfter(messages: readonly Message[], turn: number): Results {
  const results: Results = new Map()
  for (let at = turn + 1; messages[at]?.['role'] === 'tool'; at++) {
    const { tool_call_id: id, content } = messages[at] ?? {}
    results.set(id, textOf(content, `messages.${String(at)}.content`))
  }
  return results
}

function callsOf(calls: unknown, results: Results, param: string): readonly ChatCall[] {
  if (calls === undefined || calls === null) return []
  if (!Array.isArray(calls)) throw unsupported(param, 'tool_calls must be a list.')
  return calls.map((call: unknown, at): ChatCall => {
    const place = `${param}.${String(at)}`
    const called = isRecord(call) ? call['function'] : undefined
    if (!isRecord(call) || !isRecord(called) || typeof called['name'] !== 'string') {
      throw unsupported(place, 'A call of a tool must have a function with a name.')
    }
    const result = results.get(call['id'])
    if (result === undefined) throw unsupported(place, 'A call of a tool must have a result.')
    return {
      type: 'functionCall',
      name: called['name'],
      params: readArguments(called['arguments'], place),
      result: parsed(result) ?? result,
      startsNewChunk: at === 0,
    }
  })
}

function readArguments(text: unknown, param: string): Readonly<Record<string, unknown>> {
  if (text === undefined || text === '') return {}
  const value = typeof text === 'string' ? parsed(text) : undefined
  if (isRecord(value)) return value
  throw unsupported(param, 'The arguments of a call must be a JSON object.')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
