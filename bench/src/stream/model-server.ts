// A model server that streams: `max_tokens` events of a chat completion, the first one at once and the others
// at a steady pace, as a model makes them. Runs in a process of its own.
import { createServer, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { childInput, serveFromChild } from '../harness/child-process.js'

/** Input of the server: milliseconds between two events. */
export interface ModelServerInput {
  readonly paceMs: number
}

const { paceMs } = childInput<ModelServerInput>()
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end('{"object":"list","data":[{"id":"bench","object":"model"}]}')
    return
  }
  void (async () => {
    const { max_tokens: count } = (await json(request)) as { max_tokens: number }
    await stream(response, count)
  })()
})
await serveFromChild(server)

async function stream(response: ServerResponse, count: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const startedAt = performance.now()
  for (let event = 0; event < count; event++) {
    const waitMs = startedAt + event * paceMs - performance.now()
    if (waitMs > 0) await setTimeout(waitMs)
    send(response, { content: `word${event} ` }, null)
  }
  send(response, {}, 'stop')
  response.end('data: [DONE]\n\n')
}

function send(response: ServerResponse, delta: object, finish: string | null): void {
  const chunk = {
    id: 'chatcmpl-0',
    object: 'chat.completion.chunk',
    created: 0,
    model: 'bench',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  }
  response.write(`data: ${JSON.stringify(chunk)}\n\n`)
}
