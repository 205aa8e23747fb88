import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { freePort, listenOnLoopback, withCode } from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readConfig } from '../../src/config/options.js'
import { APIConnectionError, InvalidRequestError, SecurityError } from '../../src/index.js'
import { createNomyoFetch } from '../../src/openai-fetch/index.js'
import { failureOf, hello, newClient, newGateway } from '../sealed-exchange/support.js'

/** A request as the relay receives it. */
interface Seen {
  readonly method: string | undefined
  readonly path: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

type Answer = (response: ServerResponse, body: Buffer) => unknown

const passedOnTo =
  (gateway: { readonly url: string }): Answer =>
  async (response, body) => {
    const answer = await fetch(`${gateway.url}/.well-known/ohttp-gateway`, {
      method: 'POST',
      headers: { 'content-type': 'message/ohttp-chunked-req' },
      body: new Uint8Array(body),
    })
    response
      .writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
      .end(Buffer.from(await answer.arrayBuffer()))
  }

/** Starts a relay for one test, which records what it receives. */
async function startRelay(answer: Answer) {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const { method, url: path, headers } = request
      seen.push({ method, path, headers, body: body.toString('latin1') })
      void Promise.resolve(answer(response, body))
    })
  })
  const url = `http://127.0.0.1:${String(await listenOnLoopback(server))}`
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url, seen }
}

const status =
  (code: number, body = '{"detail":"no"}'): Answer =>
  (response) =>
    response.writeHead(code, { 'content-type': 'application/json' }).end(body)

describe('the option relayUrl', () => {
  const baseUrl = 'https://gateway.example'

  it.each<[string, Record<string, unknown>]>([
    ['relayUrl', { relayUrl: 'nonsense' }],
    ['relayUrl', { relayUrl: '' }],
    ['relayUrl', { relayUrl: 'ftp://relay.example' }],
    ['relayUrl', { relayUrl: 'https://user:secret@relay.example' }],
    ['relayUrl', { relayUrl: 'https://relay.example/?target=1' }],
    ['relayUrl', { relayUrl: 'https://relay.example/#x' }],
    ['relayUrl', { relayUrl: new URL('https://relay.example') }],
    ['relayUrl', { relayUrl: null }],
    ['relayUrl', { relayUrl: `${baseUrl}/relay` }],
    ['wire', { relayUrl: 'https://relay.example', wire: 1 }],
    ['headers', { relayUrl: 'https://relay.example', defaultHeaders: { cookie: 'a=b' } }],
  ])('is checked with the others: %s in %j', (name, options) => {
    const read = (): unknown => readConfig({ baseUrl, ...options })
    expect(read).toThrow(InvalidRequestError)
    expect(read).toThrow(withCode('ERR_INVALID_OPTION'))
    expect(read).toThrow(new RegExp(`^${name}\\b`))
  })

  it('needs https, or allowHttp', () => {
    const options = { baseUrl, relayUrl: 'http://relay.example' }
    expect(() => readConfig(options)).toThrow(SecurityError)
    expect(() => readConfig(options)).toThrow(withCode('ERR_INSECURE_URL'))
    const logger = { warn: () => undefined }
    expect(readConfig({ ...options, allowHttp: true, logger }).relayUrl?.port).toBe('')
  })

  it('implies wire 2', () => {
    expect(readConfig({ baseUrl, relayUrl: 'https://relay.example' }).wire).toBe(2)
    expect(readConfig({ baseUrl }).wire).toBe('auto')
  })
})

describe('a client with a relay', () => {
  it('sends encrypted requests to it, and fetches keys from the gateway', async () => {
    const gateway = await newGateway({ apiKey: 'a-key-of-16-chars-or-more' })
    const relay = await startRelay(passedOnTo(gateway))
    const client = newClient(gateway, {
      relayUrl: `${relay.url}/`,
      apiKey: 'a-key-of-16-chars-or-more',
      defaultHeaders: { 'x-access': 'of the gateway', 'accept-language': 'de' },
    })
    const completion = await client.create(hello, { headers: { 'x-account': '7' } })
    expect(completion._metadata.wire).toMatchObject({ version: 2 })
    expect(relay.seen).toHaveLength(1)
    const [{ method, path, headers, body } = { headers: {}, body: '' }] = relay.seen
    expect({ method, path }).toEqual({ method: 'POST', path: '/.well-known/ohttp-gateway' })
    expect(Object.keys(headers).sort()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'content-length',
      'content-type',
      'host',
      'incremental',
    ])
    expect(`${JSON.stringify(headers)} ${body}`).not.toMatch(/a-key-of|Bearer|echo|gateway/)
    const [request] = gateway.requests
    expect(request?.sealedHeaders['authorization']).toBe('Bearer a-key-of-16-chars-or-more')
    expect(request?.sealedHeaders['accept-language']).toBe('de')
  })

  it('uses the path of its URL as it is', async () => {
    const gateway = await newGateway()
    const relay = await startRelay(passedOnTo(gateway))
    await newClient(gateway, { relayUrl: `${relay.url}/nomyo/relay/` }).create(hello)
    expect(relay.seen.map(({ path }) => path)).toEqual(['/nomyo/relay'])
  })

  it('names it in the errors of its connection and in what it answers', async () => {
    const gateway = await newGateway()
    const relayUrl = `http://127.0.0.1:${String(await freePort())}`
    const unreachable = await failureOf(newClient(gateway, { relayUrl }).create(hello))
    expect(unreachable).toBeInstanceOf(APIConnectionError)
    expect(unreachable).toMatchObject({ code: 'ERR_NETWORK' })
    expect((unreachable as Error).message).toContain(relayUrl)
    const answers: [Answer, object][] = [
      [status(404), { code: 'ERR_NOT_FOUND', authenticated: false }],
      [status(429), { code: 'ERR_RATE_LIMIT', authenticated: false }],
      [status(502), { code: 'ERR_SERVER', authenticated: false }],
      [status(307), { code: 'ERR_UNEXPECTED_STATUS', authenticated: false }],
    ]
    for (const [answer, expected] of answers) {
      const { url } = await startRelay(answer)
      const error = await failureOf(newClient(gateway, { relayUrl: url }).create(hello))
      expect(error).toMatchObject(expected)
      expect((error as Error).message).toContain(url)
    }
  })

  it('refuses an answer of it that is not encrypted', async () => {
    const gateway = await newGateway()
    const { url } = await startRelay(status(200))
    const error = await failureOf(newClient(gateway, { relayUrl: url }).create(hello))
    expect(error).toMatchObject({ code: 'ERR_ENVELOPE_INVALID' })
  })

  it('does not name it in what the gateway encrypted', async () => {
    const gateway = await newGateway({ apiKey: 'a-key-of-16-chars-or-more' })
    const relay = await startRelay(passedOnTo(gateway))
    const client = newClient(gateway, { relayUrl: relay.url, apiKey: 'another-key-of-16-chars' })
    const error = await failureOf(client.create(hello))
    expect(error).toMatchObject({ code: 'ERR_AUTHENTICATION', authenticated: true })
    expect((error as Error).message).not.toContain(relay.url)
  })

  it('does not fetch the models, which would go to the gateway directly', async () => {
    const gateway = await newGateway()
    const relay = await startRelay(status(500))
    const client = newClient(gateway, { relayUrl: relay.url })
    const models = createNomyoFetch({ client })(`${gateway.url}/v1/models`)
    const code = await models.then(async (answer) => {
      return ((await answer.json()) as { error: { code: unknown } }).error.code
    })
    expect(code).toBe('ERR_INVALID_OPTION')
    expect(relay.seen).toEqual([])
  })

  it('never asks a gateway without wire 2 directly instead', async () => {
    const gateway = await newGateway({ wire: 1 })
    const relay = await startRelay(status(500))
    const error = await failureOf(newClient(gateway, { relayUrl: relay.url }).create(hello))
    expect(error).toMatchObject({ code: 'ERR_WIRE_DOWNGRADE' })
    expect(relay.seen).toEqual([])
    expect(gateway.requests).toEqual([])
  })
})
