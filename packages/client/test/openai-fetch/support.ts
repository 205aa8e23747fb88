import { shared, startChatModel, startGateway } from '@nomyo-internal/testing'
import OpenAI, { type ClientOptions } from 'openai'
import { afterAll, beforeAll, beforeEach, vi } from 'vitest'
import { createNomyoFetch, type NomyoFetch } from '../../src/openai-fetch/index.js'
import type { SecureChatCompletionOptions } from '../../src/index.js'
import { clientKeyDir, sealedEcho, startTestServer, type TestServer } from '../support.js'
// Not a dependency: the gateway depends on this client, by way of its page.
import { createGateway, type GatewayConfig } from '../../../../apps/gateway/dist/index.js'

/** The base URL of the SDKs. Nothing answers there, and nothing may be sent there. */
export const SDK_URL = 'https://openai.test/v1'
/** The base URL of the client, which leads to {@link Network.target}. */
export const GATEWAY_URL = 'https://gateway.test'

/** The network between the client and a server, which a test can redirect. */
export interface Network {
  /** Base URL of the server. */
  target: string
  /** Every URL requested in this test. */
  readonly urls: string[]
  readonly fetch: typeof fetch
}

/** One fetch with one client, and so one key, for all tests of a file. */
export interface Fixture {
  readonly network: Network
  readonly nomyoFetch: NomyoFetch
  /** Starts a server for one test and redirects the network to it. */
  serverWith(answer?: TestServer['answer']): Promise<TestServer>
  /** Creates an SDK on top of it, by default without retries. */
  openai(options?: ClientOptions): OpenAI
}

/** Sets up a {@link Fixture} for the tests of a file. */
export function useNomyoFetch(options: SecureChatCompletionOptions = {}): Fixture {
  const urls: string[] = []
  const network: Network = {
    target: 'http://127.0.0.1:9',
    urls,
    fetch: (input, init) => {
      const url = new Request(input).url
      urls.push(url)
      return fetch(url.replace(GATEWAY_URL, network.target), init)
    },
  }
  vi.stubEnv('NOMYO_API_KEY', undefined)
  const nomyoFetch = createNomyoFetch({
    baseUrl: GATEWAY_URL,
    fetch: network.fetch,
    keyDir: clientKeyDir,
    // The network leads to servers of one test, which speak no other.
    wire: 1,
    ...options,
  })
  beforeEach(() => {
    urls.length = 0
  })
  afterAll(() => {
    nomyoFetch.dispose()
    vi.unstubAllEnvs()
  })
  return {
    network,
    nomyoFetch,
    serverWith: async (answer) => {
      const server = await startTestServer()
      if (answer !== undefined) server.answer = answer
      network.target = server.url
      return server
    },
    openai: (clientOptions = {}) =>
      new OpenAI({
        apiKey: 'the-key-of-the-sdk',
        baseURL: SDK_URL,
        maxRetries: 0,
        fetch: nomyoFetch,
        ...clientOptions,
      }),
  }
}

/** Starts a gateway for the tests of a file; returns a getter of its address. */
export function useGateway(config: () => Partial<GatewayConfig> = () => ({})): () => string {
  const gateway = shared(() =>
    startGateway(createGateway, {
      apiKeys: ['the-key-of-the-sdk'],
      maxBodyBytes: 16 * 1024 * 1024,
      ...config(),
    }),
  )
  return () => gateway().url
}

/** A model server whose answers the test decides. */
export interface Upstream {
  url: string
  /** The requests as the gateway decrypted and forwarded them. */
  readonly requests: Record<string, unknown>[]
  answer: (request: Record<string, unknown>) => Record<string, unknown>
}

/** Starts an {@link Upstream} for the tests of a file. */
export function useUpstream(): Upstream {
  const upstream: Upstream = { url: '', requests: [], answer: () => ({}) }
  const server = shared(() =>
    startChatModel((response, { body }) => {
      const request = JSON.parse(body) as Record<string, unknown>
      upstream.requests.push(request)
      response.end(JSON.stringify(upstream.answer(request)))
    }),
  )
  beforeAll(() => {
    upstream.url = server().url
  })
  beforeEach(() => {
    upstream.requests.length = 0
  })
  return upstream
}

/**
 * Starts two gateways for the tests of a file: one with the demo engine, which every test begins with, and one
 * whose model the test decides.
 */
export function useGateways(options: SecureChatCompletionOptions = {}): Fixture & {
  readonly upstream: Upstream
  /** Lets the next answers come from the model of the test. */
  answerWith(answer: Upstream['answer']): void
} {
  const upstream = useUpstream()
  const demo = useGateway()
  const scripted = useGateway(() => ({
    engine: { kind: 'openai', baseUrl: upstream.url, apiKey: undefined },
  }))
  const fixture = useNomyoFetch(options)
  const { network } = fixture
  beforeEach(() => {
    network.target = demo()
  })
  return {
    ...fixture,
    upstream,
    answerWith: (answer) => {
      network.target = scripted()
      upstream.answer = answer
    },
  }
}

/** Builds a completion of some choices, like a model server. */
export function completionOf(...choices: Record<string, unknown>[]): Record<string, unknown> {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1767225600,
    model: 'm',
    system_fingerprint: 'fp_1',
    choices: choices.map((choice, index) => ({ index, finish_reason: 'stop', ...choice })),
    usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
  }
}

/** Answers like {@link sealedEcho}, to the second request at first. */
export const busyOnce =
  (server: TestServer, code: number): TestServer['answer'] =>
  async (seen, response) => {
    if (server.completions.length > 1) response.end(await sealedEcho(seen, server.serverKey))
    else response.writeHead(code, { 'retry-after': '0' }).end()
  }

/** Builds a choice with an assistant's message. */
export const says = (content: string): Record<string, unknown> => ({
  message: { role: 'assistant', content, refusal: null },
})

/** Letters of one to four bytes, joined and combined ones, and half of a pair. */
export const UNICODE = 'Grüße, 世界! 👩‍👩‍👧 é\u2028\u0000"\\\n\r\n data: [DONE]\n\n \ud83d 🎉'
