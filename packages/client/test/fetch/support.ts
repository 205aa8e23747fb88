import type { ServerResponse } from 'node:http'
import {
  GATEWAY_PATH,
  MEDIA_TYPES,
  createBhttpReader,
  createStreamedResponse,
  encodeResponse,
  openRequest,
  type BhttpEvent,
  type ChunkSealer,
  type Field,
} from '@nomyo/crypto/wire-2'
import { onTestFinished } from 'vitest'
import { SecureChatCompletion, type SecureChatCompletionOptions } from '../../src/index.js'
import { requestKey, startStatementServer, type StatementServer } from '../wire-2/support.js'

export { failureOf } from '../hostile/support.js'
export { hello } from '../support.js'

/** The routes that the gateway of these tests offers. */
export const ROUTES = [
  'POST /v1/chat/completions',
  'POST /v1/embeddings',
  'POST /v1/responses',
  'POST /v1/images/generations',
  'POST /v1/audio/speech',
  'POST /v1/audio/transcriptions',
  'POST /v1/audio/translations',
  'GET /v1/models',
  'GET /v1/models/{id}',
]

/** A decrypted request, and the means to answer it. */
export interface Exchange {
  readonly route: string
  readonly fields: Readonly<Record<string, string>>
  readonly content: Uint8Array<ArrayBuffer>
  readonly response: ServerResponse
  readonly sealer: ChunkSealer
  /** Answers whole. */
  readonly whole: (status: number, body: unknown, fields?: readonly Field[]) => Promise<void>
  /** Begins a stream. */
  readonly begin: (type?: string, status?: number) => Promise<Stream>
}

/** A stream of the gateway. */
export interface Stream {
  /** Sends content in a chunk of its own. */
  readonly send: (text: string | Uint8Array) => Promise<void>
  /** Encrypts content as the next chunk, without sending it. */
  readonly seal: (text: string) => Promise<Uint8Array>
  /** Ends the stream as a gateway does. */
  readonly end: () => Promise<void>
}

export type Serve = (exchange: Exchange) => unknown

/** A gateway that decrypts every request and leaves the answer to the test. */
export async function startSealedServer(
  serve: Serve,
  content: StatementServer['content'] = {},
): Promise<StatementServer & { readonly requests: Exchange[] }> {
  const requests: Exchange[] = []
  const server = await startStatementServer({ content: { routes: ROUTES, ...content } })
  server.answers[`POST ${GATEWAY_PATH}`] = async (response, body) => {
    const exchange = await decrypt(response, body)
    requests.push(exchange)
    await serve(exchange)
  }
  return Object.assign(server, { requests })
}

async function decrypt(response: ServerResponse, body: Uint8Array): Promise<Exchange> {
  const opener = openRequest([requestKey], { maxChunk: 65_536, maxBytes: 2 ** 30 })
  const reader = createBhttpReader('request')
  const events: BhttpEvent[] = []
  for (const part of await opener.push(body)) events.push(...reader.push(part))
  events.push(...reader.push(await opener.end()), ...reader.end())
  const head = events.find((event) => event.type === 'request')!
  const content = events.flatMap((event) => (event.type === 'content' ? [event.bytes] : []))
  const sealer = await opener.sealAnswer({ maxChunk: 65_536 })
  const start = (): void => {
    response.writeHead(200, { 'content-type': MEDIA_TYPES.answer })
    response.write(sealer.head)
  }
  return {
    route: `${head.method} ${head.path}`,
    fields: Object.fromEntries(head.fields),
    content: new Uint8Array(Buffer.concat(content)),
    response,
    sealer,
    whole: async (status, value, fields = []) => {
      start()
      const message = encodeResponse({
        status,
        fields: [['content-type', 'application/json'], ...fields],
        content: new TextEncoder().encode(JSON.stringify(value)),
      })
      response.end(await sealer.seal(message, { final: true }))
    },
    begin: async (type = 'text/event-stream', status = 200) => {
      start()
      const writer = createStreamedResponse()
      const seal = (text: string | Uint8Array): Promise<Uint8Array> =>
        sealer.seal(writer.content(typeof text === 'string' ? Buffer.from(text) : text))
      response.write(await sealer.seal(writer.head({ status, fields: [['content-type', type]] })))
      return {
        seal,
        send: async (text) => {
          const sealed = await seal(text)
          if (!response.write(sealed)) {
            await new Promise((resolve) => response.once('drain', resolve))
          }
        },
        end: async () => {
          response.end(await sealer.seal(writer.end(), { final: true }))
        },
      }
    },
  }
}

/** Creates a client for one test that does not retry. */
export function newClient(
  { url }: { readonly url: string },
  options: SecureChatCompletionOptions = {},
): SecureChatCompletion {
  const client = new SecureChatCompletion({
    baseUrl: url,
    allowHttp: true,
    logger: { warn: () => undefined },
    maxRetries: 0,
    ...options,
  })
  onTestFinished(() => {
    client.dispose()
  })
  return client
}

/** Starts a gateway and a client of it. */
export async function connect(serve: Serve, options: SecureChatCompletionOptions = {}) {
  const server = await startSealedServer(serve)
  return { server, client: newClient(server, options) }
}

/** Returns the init of a POST of JSON. */
export const post = (body: unknown, init: RequestInit = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
  ...init,
})

/** Reads a body to its end: its text, and the error that ended it. */
export async function drain(
  response: Response,
): Promise<{ readonly text: string; readonly error: unknown }> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return { text, error: undefined }
      text += decoder.decode(value, { stream: true })
    }
  } catch (error) {
    return { text, error }
  }
}

/** A point that one side waits for, and the other reaches. */
export function turn(): { readonly come: Promise<void>; readonly now: () => void } {
  let now = (): void => undefined
  const come = new Promise<void>((resolve) => (now = resolve))
  return { come, now }
}
