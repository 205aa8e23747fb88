import type { ChatRequest } from '../answer.js'

type Members = Record<string, unknown>

/**
 * Splits a completion into the events of a stream, as a gateway with a slow model sends them: the message of
 * each choice, its end, and the usage where the request asks for it. The first has the metadata.
 */
export function eventStream(completion: Members, { stream_options: options }: ChatRequest): string {
  const { choices, usage, _metadata, ...head } = completion
  const base = { ...head, object: 'chat.completion.chunk' }
  const chunks: Members[] = (Array.isArray(choices) ? (choices as Members[]) : []).flatMap(
    ({ message, finish_reason, ...others }) => [
      {
        ...base,
        choices: [{ ...others, delta: deltaOf(message as Members), finish_reason: null }],
      },
      { ...base, choices: [{ ...others, delta: {}, finish_reason }] },
    ],
  )
  const { include_usage: includesUsage } = (options ?? {}) as { include_usage?: unknown }
  if (includesUsage === true) chunks.push({ ...base, choices: [], usage })
  const [first, ...rest] = chunks
  const events = [{ ...first, _metadata }, ...rest].map((chunk) => JSON.stringify(chunk))
  return [...events, '[DONE]'].map((data) => `data: ${data}\n\n`).join('')
}

/** Tool calls are numbered in streams alone. */
function deltaOf({ tool_calls: calls, ...message }: Members): Members {
  if (!Array.isArray(calls)) return message
  return { ...message, tool_calls: (calls as Members[]).map((call, index) => ({ ...call, index })) }
}
