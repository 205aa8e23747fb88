// A model server that streams: `max_tokens` events of a chat completion, the first one at once and the others
// at a steady pace, as a model makes them, or for the model `fast` without a pause. Runs in a process of its
// own.
import { createServer, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { childInput, serveFromChild } from '../harness/child-process.js'

/** Models of the server. */
export type StreamModel = 'steady' | 'fast'

/** Input of the server: milliseconds between two events. */
export interface ModelServerInput {
  readonly paceMs: number
}

/** Events between two turns of the event loop. */
const FAST_EVENTS = 4

const { paceMs } = childInput<ModelServerInput>()
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'application/json' })
    const data = ['steady', 'fast'].map((id) => ({ id, object: 'model' }))
    response.end(JSON.stringify({ object: 'list', data }))
    return
  }
  void (async () => {
    const { model, max_tokens: count } = (await json(request)) as Asked
    await stream(response, count, model === 'fast' ? 0 : paceMs)
  })()
})
await serveFromChild(server)

interface Asked {
  readonly model: StreamModel
  readonly max_tokens: number
}

async function stream(response: ServerResponse, count: number, paceMs: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const startedAt = performance.now()
  for (let event = 0; event < count; event++) {
    const waitMs = startedAt + event * paceMs - performance.now()
    if (waitMs > 0) await setTimeout(waitMs)
    else if (event % FAST_EVENTS === 0) await setImmediate()
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
    model: 'steady',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  }
  response.write(`data: ${JSON.stringify(chunk)}\n\n`)
}
