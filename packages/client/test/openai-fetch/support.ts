import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyFile } from '@nomyo-internal/testing/vectors'
import OpenAI, { type ClientOptions } from 'openai'
import { afterAll, beforeAll, beforeEach, vi } from 'vitest'
import { createNomyoFetch, type NomyoFetch } from '../../src/openai-fetch/index.js'
import type { SecureChatCompletionOptions } from '../../src/index.js'
// No dependency: the gateway has a page inside, and that this client
import { createGateway, type GatewayConfig } from '../../../../apps/gateway/dist/index.js'

/** What SDKs are told to talk to. Nothing answers there, nothing may be sent there. */
export const SDK_URL = 'https://openai.test/v1'
/** What the client is told to talk to; {@link Network.target} says where that leads. */
export const GATEWAY_URL = 'https://gateway.test'

/** The way from the client to a server end, which a test may bend. */
export interface Network {
  /** Base URL of the server end. */
  target: string
  /** Every URL asked for since the test began. */
  readonly urls: string[]
  readonly fetch: typeof fetch
}

/** One fetch with one client, and so one key, for all tests of a file. */
export interface Fixture {
  readonly network: Network
  readonly nomyoFetch: NomyoFetch
  /** The SDK on top of it. It does not try again unless told to. */
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
  const keyDir = newKeyDir('client')
  const nomyoFetch = createNomyoFetch({
    baseUrl: GATEWAY_URL,
    fetch: network.fetch,
    keyDir,
    ...options,
  })
  beforeEach(() => {
    urls.length = 0
  })
  afterAll(() => {
    nomyoFetch.dispose()
    rmSync(keyDir, { recursive: true })
    vi.unstubAllEnvs()
  })
  return {
    network,
    nomyoFetch,
    openai: (clientOptions = {}) =>
      new OpenAI({
        apiKey: 'sdk-key',
        baseURL: SDK_URL,
        maxRetries: 0,
        fetch: nomyoFetch,
        ...clientOptions,
      }),
  }
}

/** A gateway for the tests of a file, with a key made beforehand; its address, once it listens. */
export function useGateway(
  config: Partial<GatewayConfig> | (() => Partial<GatewayConfig>) = {},
): () => string {
  let url = ''
  let stop = (): Promise<void> => Promise.resolve()
  beforeAll(async () => {
    const keyDir = newKeyDir('server')
    const gateway = await createGateway({
      host: '127.0.0.1',
      port: 0,
      engine: { kind: 'demo' },
      apiKeys: ['sdk-key'],
      keyDir,
      maxBodyBytes: 16 * 1024 * 1024,
      logLevel: 'silent',
      ...(typeof config === 'function' ? config() : config),
    })
    url = gateway.url
    stop = () => gateway.close()
    rmSync(keyDir, { recursive: true })
  })
  afterAll(() => stop())
  return () => url
}

/** A folder with a key of the vectors: reading one is much quicker than making one. */
function newKeyDir(name: 'client' | 'server'): string {
  const keyDir = mkdtempSync(join(tmpdir(), 'nomyo-openai-fetch-'))
  writeFileSync(join(keyDir, 'private_key.pem'), keyFile(`keys/${name}.private.pem`), {
    mode: 0o600,
  })
  return keyDir
}

/** A model server whose every answer is up to the test. */
export interface Upstream {
  url: string
  /** The requests as the gateway opened them and passed them on. */
  readonly requests: Record<string, unknown>[]
  answer: (request: Record<string, unknown>) => Record<string, unknown>
}

/** Starts an {@link Upstream} for the tests of a file. */
export function useUpstream(): Upstream {
  const upstream: Upstream = { url: '', requests: [], answer: () => ({}) }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>
      upstream.requests.push(body)
      response.end(JSON.stringify(upstream.answer(body)))
    })
  })
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    upstream.url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/v1`
  })
  beforeEach(() => {
    upstream.requests.length = 0
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  return upstream
}

/** A completion around some choices, as a model server writes it. */
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

/** An assistant's message as a choice. */
export const says = (content: string): Record<string, unknown> => ({
  message: { role: 'assistant', content, refusal: null },
})

/** Letters of one to four bytes, joined and combined ones, and half of a pair. */
export const UNICODE = 'Grüße, 世界! 👩‍👩‍👧 é\u2028\u0000"\\\n\r\n data: [DONE]\n\n \ud83d 🎉'
