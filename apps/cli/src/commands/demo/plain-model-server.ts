import { once } from 'node:events'
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import type { AddressInfo } from 'node:net'
import type { ChatCompletionRequest } from '@nomyo/client'

/** Starts a model server without encryption that repeats the last message, as the demo engine does. */
export async function startPlainModelServer() {
  const server = createServer((request, response) => {
    json(request)
      .then((body) => JSON.stringify(completionFor(body as ChatCompletionRequest)))
      .then(
        (answer) => response.setHeader('content-type', 'application/json').end(answer),
        () => response.destroy(),
      )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

function completionFor({ model, messages }: ChatCompletionRequest): object {
  const message = { role: 'assistant', content: messages.at(-1)?.content }
  return {
    id: 'chatcmpl-plain',
    object: 'chat.completion',
    created: 0,
    model,
    choices: [{ index: 0, message, finish_reason: 'stop' }],
  }
}
