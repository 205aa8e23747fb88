// A gateway with the demo engine, without encryption: reads JSON and echoes the last message as JSON. Also the model
// server of a gateway. Runs in a process of its own, as a gateway does.
import { createServer } from 'node:http'
import { serveFromChild } from '../harness/child-process.js'
import type { ChatRequest } from '../messages.js'

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    const data = ['nomyo/demo', 'nomyo/echo'].map((id) => ({ id, object: 'model' }))
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ object: 'list', data }))
    return
  }
  void (async () => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const { model, messages } = JSON.parse(Buffer.concat(parts).toString()) as ChatRequest
    const content = model === 'nomyo/echo' ? messages.at(-1)?.content : 'A short answer.'
    const message = { role: 'assistant', content, refusal: null }
    const answer = Buffer.from(
      JSON.stringify({
        id: 'chatcmpl-0',
        object: 'chat.completion',
        created: 0,
        model,
        choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }],
      }),
    )
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': answer.length,
    })
    response.end(answer)
  })()
})
await serveFromChild(server)
