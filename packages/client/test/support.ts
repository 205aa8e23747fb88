import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  importPrivateKey,
  openJson,
  publicKeyFromHeader,
  sealJson,
  type KeyPair,
} from '@nomyo/crypto'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { onTestFinished } from 'vitest'
import { readConfig, type SecureChatCompletionOptions } from '../src/config/options.js'
import { splitRequest } from '../src/completion/seal-request.js'
import { SecureChatCompletion } from '../src/secure-chat-completion.js'
import { Session } from '../src/session.js'
import type { ChatCompletion, ChatCompletionRequest } from '../src/types/index.js'

/** Test keys made by the reference client; loading one is much quicker than making one. */
export const testKey = (name: 'server' | 'client' | 'other'): Promise<KeyPair> =>
  importPrivateKey(keyPem(`keys/${name}.private.pem`))

/** One request as the server end saw it. */
export interface Seen {
  readonly headers: IncomingMessage['headers']
  readonly body: Uint8Array
}

/** A server end whose every answer is up to the test. */
export interface TestServer {
  readonly url: string
  readonly completions: Seen[]
  readonly keyFetches: Seen[]
  /** The pair whose public half is handed out; may be exchanged. */
  serverKey: KeyPair
  /** Answers the key fetch instead, where a test says so. */
  answerKeyFetch: ((response: ServerResponse) => void) | undefined
  /** Answers the question for evidence; by default as a server does that does not know it. */
  answerAttestation: (nonce: string, response: ServerResponse) => void | Promise<void>
  /** Answers a sealed request; by default with a sealed echo. */
  answer: (seen: Seen, response: ServerResponse) => void | Promise<void>
}

/** Starts a server end on loopback for the time of one test. */
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
      if (url.pathname.endsWith('/pki/attestation')) {
        await state.answerAttestation(url.searchParams.get('nonce') ?? '', response)
        return
      }
      state.completions.push(seen)
      await state.answer(seen, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return Object.assign(state, { url: `http://127.0.0.1:${String(port)}` })
}

/** Opens a request and seals a completion that echoes its last message. */
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

/** Seals any value to the key a request asked for. */
export async function sealFor(seen: Seen, value: unknown): Promise<Uint8Array> {
  const replyKey = await publicKeyFromHeader(String(seen.headers['x-public-key']))
  return sealJson(value, replyKey, { processedAt: 1767225600 })
}

/** A client without the public class around it, whose reply key need not be made first. */
export async function testExchange(
  options: SecureChatCompletionOptions,
): Promise<
  (request?: Partial<ChatCompletionRequest>, stop?: AbortSignal) => Promise<ChatCompletion>
> {
  const config = readConfig({
    allowHttp: true,
    logger: { warn: () => undefined },
    maxRetries: 0,
    ...options,
  })
  const session = new Session(config, false)
  session.context.replyKeys.replace(await testKey('client'))
  onTestFinished(() => {
    session.dispose()
  })
  return (request = {}, stop) =>
    session.complete(
      splitRequest({ ...hello, ...request }, config.padding),
      stop === undefined ? {} : { signal: stop },
    )
}

/** A client of a test server, for the time of one test. */
export function newClient(
  server: TestServer,
  options: SecureChatCompletionOptions = {},
): SecureChatCompletion {
  const logger = { warn: () => undefined }
  const client = new SecureChatCompletion({
    baseUrl: server.url,
    allowHttp: true,
    logger,
    ...options,
  })
  onTestFinished(() => {
    client.dispose()
  })
  return client
}

/** A folder for the time of one test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nomyo-client-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

/** Some request. */
export const hello: ChatCompletionRequest = {
  model: 'm',
  messages: [{ role: 'user', content: 'Hello!' }],
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
