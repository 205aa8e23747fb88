import { randomUUID } from 'node:crypto'
import { isRecord } from '../../../json/json-object.js'
import { LABEL, answerTo, roughTokens } from '../label.js'

type Members = Readonly<Record<string, unknown>>

/** Makes up a response: a message about the last input. */
export function respond(request: Members, now: number): Members {
  const { input, model, instructions = null, metadata = {} } = request
  const text = answerTo(model, lastTextOf(input))
  const [input_tokens, output_tokens] = [roughTokens(input ?? ''), roughTokens(text)]
  return {
    id: `resp_${randomUUID().replaceAll('-', '')}`,
    object: 'response',
    created_at: now,
    status: 'completed',
    error: null,
    incomplete_details: null,
    ...{ instructions, metadata, model },
    output: [
      {
        type: 'message',
        id: `msg_${randomUUID().replaceAll('-', '')}`,
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text, annotations: [] }],
      },
    ],
    parallel_tool_calls: true,
    store: false,
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    system_fingerprint: LABEL,
    usage: {
      ...{ input_tokens, output_tokens },
      input_tokens_details: { cached_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input_tokens + output_tokens,
    },
  }
}

/** Returns the text of the input, or of its last item. */
function lastTextOf(input: unknown): string {
  const last: unknown = Array.isArray(input) ? input.at(-1) : input
  if (typeof last === 'string') return last
  const content = isRecord(last) ? (last['content'] ?? last['output']) : undefined
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .filter(isRecord)
    .map((part) => (typeof part['text'] === 'string' ? part['text'] : ''))
    .join('')
}
