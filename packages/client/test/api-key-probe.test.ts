import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { KeyPair } from '@nomyo/crypto'
import { expectCode, listenOnLoopback } from '@nomyo-internal/testing'
import { expect, it, onTestFinished, vi } from 'vitest'
import { readConfig } from '../src/config/options.js'
import { splitRequest } from '../src/completion/seal-request.js'
import { Session } from '../src/session.js'
import { hello, sealedEcho, testKey } from './support.js'

/** Key pairs are generated when a test says so. */
const generated = vi.hoisted(() => ({ pair: undefined as Promise<unknown> | undefined }))
vi.mock(import('@nomyo/crypto'), async (original) => ({
  ...(await original()),
  generateKeyPair: () => generated.pair as Promise<KeyPair>,
}))

type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** Starts a session whose reply key is generated until `finish` is called. */
async function start(models: Answer, completions: Answer, options = {}) {
  let resolve: (pair: KeyPair) => void = () => undefined
  generated.pair = new Promise<KeyPair>((done) => (resolve = done))
  const { publicKey } = await testKey('server')
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    if (request.url === '/pki/wire2') return void response.writeHead(404).end()
    if (request.url === '/pki/public_key') return void response.end(publicKey.pem)
    seen.push(request)
    void (request.method === 'GET' ? models : completions)(request, response)
  })
  const baseUrl = `http://127.0.0.1:${String(await listenOnLoopback(server))}`
  const logger = { warn: () => undefined }
  const config = readConfig({ baseUrl, allowHttp: true, apiKey: 'key', logger, ...options })
  const session = new Session(config, true)
  onTestFinished(() => {
    session.dispose()
    server.closeAllConnections()
    server.close()
  })
  return {
    ask: () => session.complete(splitRequest(hello, 'none'), { maxRetries: 0 }),
    finish: async () => resolve(await testKey('client')),
    seen,
    urls: () => seen.map(({ method, url }) => `${String(method)} ${String(url)}`),
  }
}

const refuse: Answer = (_, response) => void response.writeHead(401).end('{"detail":"no"}')
const list: Answer = (_, response) => void response.end('{"data":[]}')
const echo: Answer = async (request, response) => {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const seen = { headers: request.headers, body: Buffer.concat(parts) }
  response.end(await sealedEcho(seen, await testKey('server')))
}
const MODELS = 'GET /v1/models'
const COMPLETION = 'POST /v1/chat/secure_completion'

it('refuses an API key while the reply key is being generated', async () => {
  const { ask, seen, urls } = await start(refuse, refuse, { defaultHeaders: { 'x-a': '1' } })
  await expectCode(ask(), 'ERR_AUTHENTICATION')
  expect(urls()).toEqual([MODELS, COMPLETION])
  for (const { headers } of seen) {
    expect(headers).toMatchObject({ authorization: 'Bearer key', 'x-a': '1' })
  }
  expect(seen[1]?.headers['content-length']).toBe('0')
})

it.each<[string, Answer]>([
  ['has a list', list],
  ['has none', (_, response) => void response.writeHead(404).end()],
  ['refuses it for the list alone', refuse],
  ['forbids it', (_, response) => void response.writeHead(403).end()],
  ['breaks off', (_, response) => void response.destroy()],
])('goes on where the gateway %s', async (_, models) => {
  const { ask, finish, urls } = await start(models, (request, response) => {
    if (request.headers['x-public-key'] !== undefined) return echo(request, response)
    response.writeHead(400).end()
  })
  const asking = ask()
  await expect.poll(urls).toContain(MODELS)
  await finish()
  expect((await asking).choices[0].message.content).toBe('Hello!')
  await ask()
  expect(urls().filter((url) => url === MODELS)).toHaveLength(1)
})

it('does not wait for an answer, and asks nothing when the key is there', async () => {
  const waiting = await start(() => undefined, echo)
  const asking = waiting.ask()
  await expect.poll(waiting.urls).toContain(MODELS)
  await waiting.finish()
  await asking

  const ready = await start(refuse, echo)
  await ready.finish()
  await ready.ask()
  expect(ready.urls()).toEqual([COMPLETION])
})

it('sends no API key to a gateway that it does not trust', async () => {
  const pin = `sha256/${Buffer.alloc(32, 7).toString('base64')}`
  const { ask, seen } = await start(refuse, refuse, { serverKeyPins: [pin] })
  await expectCode(ask(), 'ERR_WIRE_DOWNGRADE')
  // Long enough for a request that was sent all the same to arrive.
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(seen).toEqual([])
})
