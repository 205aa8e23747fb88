import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  importPrivateKey,
  openJson,
  publicKeyFromHeader,
  sealJson,
  type KeyPair,
} from '@nomyo/crypto'
import { listenOnLoopback, makeKeyDir, temporaryFolder } from '@nomyo-internal/testing'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { onTestFinished } from 'vitest'
import { readConfig, type SecureChatCompletionOptions } from '../src/config/options.js'
import { splitRequest } from '../src/completion/seal-request.js'
import { SecureChatCompletion } from '../src/secure-chat-completion.js'
import {
  SecureCompletionClient,
  type SecureCompletionClientOptions,
} from '../src/secure-completion-client.js'
import { Session } from '../src/session.js'
import type { ChatCompletionRequest } from '../src/types/request.js'
import type { ChatCompletion } from '../src/types/response.js'

/** Loads a key pair of the vectors, which is much faster than generating one. */
export const testKey = (name: 'server' | 'client' | 'other'): Promise<KeyPair> =>
  importPrivateKey(keyPem(`keys/${name}.private.pem`))

/** A request as the server received it. */
export interface Seen {
  readonly headers: IncomingMessage['headers']
  readonly body: Uint8Array
}

/** A server whose answers the test decides. */
export interface TestServer {
  readonly url: string
  readonly completions: Seen[]
  readonly keyFetches: Seen[]
  /** The pair whose public half is served; replaceable. */
  serverKey: KeyPair
  /** Answers the key fetch instead of the default. */
  answerKeyFetch: ((response: ServerResponse) => void) | undefined
  /** Answers the request for evidence; by default like a server without that endpoint. */
  answerAttestation: (nonce: string, response: ServerResponse) => void | Promise<void>
  /** Answers an encrypted request; by default with an encrypted echo. */
  answer: (seen: Seen, response: ServerResponse) => void | Promise<void>
}

/** Starts a server on loopback for one test. */
export async function startTestServer(): Promise<TestServer> {
  const state: Omit<TestServer, 'url'> = {
    completions: [],
    keyFetches: [],
    serverKey: await testKey('server'),
    answerKeyFetch: undefined,
    answerAttestation: (_nonce, response) => {
      response.writeHead(404).end()
    },
    answer: async (seen, response) => {
      response.end(await sealedEcho(seen, state.serverKey))
    },
  }
  const server = createServer((request, response) => {
    void readBody(request).then(async (body) => {
      const seen = { headers: request.headers, body }
      if (request.url?.endsWith('/pki/public_key') === true) {
        state.keyFetches.push(seen)
        if (state.answerKeyFetch === undefined) response.end(state.serverKey.publicKey.pem)
        else state.answerKeyFetch(response)
        return
      }
      const url = new URL(request.url ?? '', 'http://server')
      if (url.pathname.endsWith('/pki/wire2')) {
        response.writeHead(404).end()
        return
      }
      if (url.pathname.endsWith('/pki/attestation')) {
        await state.answerAttestation(url.searchParams.get('nonce') ?? '', response)
        return
      }
      state.completions.push(seen)
      await state.answer(seen, response)
    })
  })
  const port = await listenOnLoopback(server)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return Object.assign(state, { url: `http://127.0.0.1:${String(port)}` })
}

/** Decrypts a request and encrypts a completion that echoes its last message. */
export async function sealedEcho(
  seen: Seen,
  serverKey: KeyPair,
  metadata: Record<string, unknown> = { payload_id: seen.headers['x-payload-id'] },
): Promise<Uint8Array> {
  const { value } = await openJson(seen.body, serverKey.privateKey)
  const messages = value['messages'] as { content: string }[]
  const completion = {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: value['model'],
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: messages.at(-1)?.content },
        finish_reason: 'stop',
      },
    ],
    _metadata: metadata,
  }
  return sealFor(seen, completion)
}

/** Encrypts any value to the reply key of a request. */
export async function sealFor(seen: Seen, value: unknown): Promise<Uint8Array> {
  const replyKey = await publicKeyFromHeader(String(seen.headers['x-public-key']))
  return sealJson(value, replyKey, { processedAt: 1767225600 })
}

/** Creates a session without its public class, with a reply key of the vectors. */
export async function newSession(
  options: SecureChatCompletionOptions,
): Promise<
  (
    request?: Partial<ChatCompletionRequest> & Record<string, unknown>,
    stop?: AbortSignal,
  ) => Promise<ChatCompletion>
> {
  const config = readConfig({
    allowHttp: true,
    logger: { warn: () => undefined },
    maxRetries: 0,
    ...options,
  })
  const session = new Session(config, false)
  const { replyKeys } = (await session.context.wires.loadWire1()).context
  replyKeys.replace(await testKey('client'))
  onTestFinished(() => {
    session.dispose()
  })
  return (request = {}, stop) =>
    session.complete(
      splitRequest({ ...hello, ...request }, config.padding),
      stop === undefined ? {} : { signal: stop },
    )
}

/** Completes one small request in a session of its own. */
export const completeOnce = async (options: SecureChatCompletionOptions): Promise<ChatCompletion> =>
  (await newSession(options))()

/** Answers with a status and no usable body. */
export const refuse =
  (code: number, headers: Record<string, string> = {}) =>
  (_request: unknown, response: ServerResponse): void =>
    void response.writeHead(code, headers).end('{"detail":"no"}')

/** Starts a server and a session with it, for one test. */
export async function connect(
  options: SecureChatCompletionOptions = {},
): Promise<{ server: TestServer; ask: Awaited<ReturnType<typeof newSession>> }> {
  const server = await startTestServer()
  return { server, ask: await newSession({ baseUrl: server.url, ...options }) }
}

/** A folder with the client key of the vectors: reading it is much faster than generating one. */
export const clientKeyDir = makeKeyDir({ 'private_key.pem': 'client' }, temporaryFolder())

/** Creates a client of a server for one test, with the client key of the vectors. */
export function newClient(
  server: { readonly url: string },
  options: SecureChatCompletionOptions = {},
): SecureChatCompletion {
  const client = new SecureChatCompletion({
    baseUrl: server.url,
    allowHttp: true,
    logger: { warn: () => undefined },
    keyDir: clientKeyDir,
    ...options,
  })
  onTestFinished(() => {
    client.dispose()
  })
  return client
}

/** Creates a client of single steps for one test, by default with the client key of the vectors. */
export function newStepClient(
  server: { readonly url: string },
  options: SecureCompletionClientOptions = {},
): SecureCompletionClient {
  const client = new SecureCompletionClient({
    routerUrl: server.url,
    allowHttp: true,
    logger: { warn: () => undefined },
    keyDir: clientKeyDir,
    ...options,
  })
  onTestFinished(() => client.dispose())
  return client
}

/** A small request. */
export const hello: ChatCompletionRequest = {
  model: 'm',
  messages: [{ role: 'user', content: 'Hello!' }],
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
