import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { listenOnLoopback } from './network.js'

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
  /** Replaceable at any time. Default: `{}`. */
  answer: (response: ServerResponse, request: ModelRequest) => void
  stop(): void
}

/** Starts a {@link ModelServer}. */
export async function startModelServer(answer?: ModelServer['answer']): Promise<ModelServer> {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      const { method, url, headers, socket } = request
      const seen = { method, url, headers, body, socket }
      model.seen.push(seen)
      model.answer(response, seen)
    })
  })
  const model: ModelServer = {
    url: `http://127.0.0.1:${await listenOnLoopback(server)}/v1`,
    seen: [],
    answer: answer ?? ((response) => response.end('{}')),
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
  return model
}
