import type { ServerResponse } from 'node:http'

/**
 * Makes a response of a model server send the completion that it ends with as a stream, in pieces of the text.
 * Anything else is sent as it is.
 */
export function streamWhole(response: ServerResponse): void {
  const end = response.end.bind(response) as (text?: string) => ServerResponse
  response.end = ((text?: string) => {
    if (response.statusCode !== 200 || text === undefined) return end(text)
    const { choices, usage, ...head } = JSON.parse(text) as Record<string, unknown>
    if (!Array.isArray(choices)) return end(text)
    const events: unknown[] = (choices as Record<string, unknown>[]).flatMap(
      ({ message, finish_reason = 'stop', ...others }) => {
        const { content, tool_calls: calls, ...members } = message as Record<string, unknown>
        const pieces = typeof content === 'string' ? (content.match(/[^]{1,200}/gu) ?? []) : []
        const choice = (delta: object, end: object = { finish_reason: null }): object => ({
          ...head,
          choices: [{ index: 0, delta, ...end }],
        })
        return [
          choice({ ...members, content: null }),
          ...pieces.map((piece) => choice({ content: piece })),
          ...((calls as object[] | undefined) ?? []).map((call, index) =>
            choice({ tool_calls: [{ ...call, index }] }),
          ),
          choice({}, { finish_reason, ...others }),
        ]
      },
    )
    if (usage !== undefined) events.push({ ...head, choices: [], usage })
    response.setHeader('content-type', 'text/event-stream')
    for (const event of events) response.write(`data: ${JSON.stringify(event)}\n\n`)
    return end('data: [DONE]\n\n')
  }) as ServerResponse['end']
}
