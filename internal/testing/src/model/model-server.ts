import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { startServer } from '../network.js'

/** One request as the model server received it. */
export interface ModelRequest {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly socket: Socket
}

/** A model server on loopback whose answers the test decides. */
export interface ModelServer {
  /** Base URL, with `/v1`. */
  readonly url: string
  readonly seen: ModelRequest[]
  /** Replaceable at any time. Default: the completion "Hi". */
  answer: (response: ServerResponse, request: ModelRequest) => void
  stop(): void
}

/** Starts a {@link ModelServer}. */
export async function startModelServer(
  answer?: ModelServer['answer'],
  port?: number,
): Promise<ModelServer> {
  const { url, stop } = await startServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      const { method, url, headers, socket } = request
      const seen = { method, url, headers, body, socket }
      model.seen.push(seen)
      model.answer(response, seen)
    })
  }, port)
  const model: ModelServer = {
    url: `${url}/v1`,
    seen: [],
    answer: answer ?? ((response) => response.end(completionOf({ content: 'Hi' }))),
    stop,
  }
  return model
}

/** Starts a {@link ModelServer} with the model `m`: only the answers to its completions are up to the test. */
export const startChatModel = (complete: ModelServer['answer']): Promise<ModelServer> =>
  startModelServer((response, request) => {
    response.setHeader('content-type', 'application/json')
    if (request.method === 'POST') complete(response, request)
    else response.end('{"object":"list","data":[{"id":"m","object":"model"}]}')
  })

/** A completion of the model `m` with this message of the assistant, as JSON. */
export function completionOf(message: Readonly<Record<string, unknown>>): string {
  const reason = message['tool_calls'] === undefined ? 'stop' : 'tool_calls'
  return JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1767225600,
    model: 'm',
    choices: [
      {
        index: 0,
        finish_reason: reason,
        message: { role: 'assistant', content: null, refusal: null, ...message },
      },
    ],
    usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
  })
}
