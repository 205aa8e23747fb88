import '@nomyo-internal/testing/vector-keys'
import { openJson, publicKeyToHeader, sealEnvelope, sealJson } from '@nomyo/crypto'
import {
  MEDIA_TYPES,
  createBhttpReader,
  createVouch,
  encodeRequest,
  loadHybridKem,
  parseKeyStatement,
  sealRequest,
  type BhttpEvent,
  type Field,
  type KeyStatement,
} from '@nomyo/crypto/wire-2'
import { expectCode } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { faults, type Fault, type TestGateway, type TestGatewayOptions } from '../src/index.js'
import { complete, gatewayFor, hello, post, replyKey, serverKeyOf } from './support.js'

const kem = await loadHybridKem()
const NOW = () => Date.now() / 1000

const gateway2 = (options: TestGatewayOptions = {}) => gatewayFor({ wire: 2, ...options })

const fetchDocument = async (gateway: TestGateway) =>
  new Uint8Array(await (await fetch(`${gateway.url}/pki/wire2`)).arrayBuffer())

const statementOf = async (gateway: TestGateway): Promise<KeyStatement> =>
  parseKeyStatement(await fetchDocument(gateway), { now: NOW() })

interface Ask {
  readonly fields?: readonly Field[]
  readonly path?: string
  readonly content?: Uint8Array
  readonly statement?: KeyStatement
}

/** Encrypts a request, as the standards require and no more. */
async function sealed(gateway: TestGateway, ask: Ask = {}) {
  const { keys } = ask.statement ?? (await statementOf(gateway))
  const message = encodeRequest({
    method: 'POST',
    scheme: 'https',
    authority: 'gateway.test',
    path: ask.path ?? '/v1/chat/completions',
    fields: ask.fields ?? [['content-type', 'application/json']],
    content: ask.content ?? new TextEncoder().encode(JSON.stringify(hello)),
  })
  return sealRequest(kem, keys[0]!, message)
}

const send = (gateway: TestGateway, body: Uint8Array<ArrayBuffer>, type = MEDIA_TYPES.request) =>
  fetch(`${gateway.url}/.well-known/ohttp-gateway`, {
    method: 'POST',
    headers: { 'content-type': type },
    body,
    redirect: 'manual',
  })

/** Sends a request and decrypts its answer. */
async function ask(gateway: TestGateway, given: Ask = {}) {
  const { body, openAnswer } = await sealed(gateway, given)
  const response = await send(gateway, body)
  expect(response.headers.get('content-type')).toBe(MEDIA_TYPES.answer)
  const answer = openAnswer()
  const reader = createBhttpReader('response')
  const events: BhttpEvent[] = []
  for (const part of await answer.push(new Uint8Array(await response.arrayBuffer()))) {
    events.push(...reader.push(part))
  }
  events.push(...reader.push(await answer.end()), ...reader.end())
  const [head] = events.flatMap((event) => (event.type === 'response' ? [event] : []))
  const content = events.flatMap((event) => (event.type === 'content' ? [event.bytes] : []))
  const text = Buffer.concat(content).toString()
  return {
    status: head?.status,
    fields: Object.fromEntries(head?.fields ?? []),
    text,
    get json() {
      return JSON.parse(text) as Record<string, unknown>
    },
  }
}

describe('a gateway with wire 2', () => {
  it('publishes a statement that names its keys', async () => {
    const gateway = await gateway2()
    const { identities, rsaKeys, minWire } = await statementOf(gateway)
    expect([identities, rsaKeys, minWire]).toEqual([
      [gateway.identity],
      [gateway.fingerprint],
      '1.0',
    ])
    const { headers } = await fetch(`${gateway.url}/pki/wire2`)
    const validator = { 'if-none-match': headers.get('etag') ?? '' }
    expect((await fetch(`${gateway.url}/pki/wire2`, { headers: validator })).status).toBe(304)
  })

  it('answers a request and records its encrypted fields', async () => {
    const gateway = await gateway2()
    const fields: Field[] = [
      ['idempotency-key', 'one'],
      ['x-security-tier', 'high'],
    ]
    const { status, json, fields: answered } = await ask(gateway, { fields })
    expect(status).toBe(200)
    expect(answered['content-type']).toBe('application/json')
    const { sha256 } = await statementOf(gateway)
    expect(json).toMatchObject({
      choices: [{ message: { content: 'Hello!' } }],
      _metadata: {
        payload_id: 'one',
        security_tier: 'high',
        is_encrypted: true,
        wire: { version: 2, statement_sha256: sha256 },
      },
    })
    expect(gateway.requests).toMatchObject([
      {
        wire: 2,
        payloadId: 'one',
        securityTier: 'high',
        sealedHeaders: Object.fromEntries(fields),
      },
    ])
    expect(gateway.requests[0]?.headers).not.toHaveProperty('idempotency-key')
  })

  it('answers long requests with long answers', async () => {
    const text = 'x'.repeat(100_000)
    const content = new TextEncoder().encode(
      JSON.stringify({ ...hello, messages: [{ role: 'user', content: text }] }),
    )
    const { json } = await ask(await gateway2(), { content })
    expect(json).toMatchObject({ choices: [{ message: { content: text } }] })
  })

  it('streams an answer, with its tool calls, where the request asks for it', async () => {
    const tool_calls = [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }]
    const choice = { index: 0, message: { content: 'Hi', tool_calls }, finish_reason: 'stop' }
    const gateway = await gateway2({ answer: () => ({ id: 'i', choices: [choice], usage: {} }) })
    const request = { ...hello, stream: true, stream_options: { include_usage: true } }
    const content = new TextEncoder().encode(JSON.stringify(request))
    const { fields, text } = await ask(gateway, { content })
    expect(fields['content-type']).toBe('text/event-stream')
    const events = text.split('\n\n').map((event) => event.replace('data: ', ''))
    expect(events.splice(3)).toEqual(['[DONE]', ''])
    const delta = { content: 'Hi', tool_calls: [{ ...tool_calls[0], index: 0 }] }
    expect(events.map((event) => JSON.parse(event) as unknown)).toMatchObject([
      { id: 'i', choices: [{ index: 0, delta, finish_reason: null }], _metadata: {} },
      { id: 'i', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
      { id: 'i', choices: [], usage: {} },
    ])
  })

  it('names its statement in answers over wire 1', async () => {
    const gateway = await gateway2()
    const { sha256 } = await statementOf(gateway)
    expect(await complete(gateway)).toMatchObject({
      _metadata: { wire: { min: '1.0', statement_sha256: sha256 } },
    })
    expect(gateway.requests).toMatchObject([{ wire: 1, sealedHeaders: {} }])
  })

  it('vouches for its statement with the key of wire 1', async () => {
    const gateway = await gateway2()
    const { bytes } = await statementOf(gateway)
    const vouch = (body: Uint8Array<ArrayBuffer>) =>
      fetch(`${gateway.url}/pki/wire2/vouch`, { method: 'POST', body })
    const { request, verify } = await createVouch(bytes)
    const answer = await vouch(await sealEnvelope(request, await serverKeyOf(gateway)))
    expect(await verify(new Uint8Array(await answer.arrayBuffer()))).toBe(true)
    const other = await createVouch(bytes.slice(1))
    const refused = await vouch(await sealEnvelope(other.request, await serverKeyOf(gateway)))
    expect(refused.status).toBe(409)
    expect((await vouch(new Uint8Array(8))).status).toBe(400)
  })

  it.each<[string, number, Ask]>([
    ['an unknown route', 404, { path: '/v1/models' }],
    ['no JSON', 400, { content: new Uint8Array(4) }],
    ['no messages', 400, { content: new TextEncoder().encode('{"model":"m"}') }],
    ['an unknown tier', 400, { fields: [['x-security-tier', 'top']] }],
  ])('refuses inside the encryption: %s', async (_, status, given) => {
    const gateway = await gateway2()
    const answer = await ask(gateway, given)
    expect(answer).toMatchObject({ status, json: { detail: expect.any(String) as string } })
    expect(gateway.requests).toEqual([])
  })

  it('requires the API key inside the encryption', async () => {
    const gateway = await gateway2({ apiKey: 'secret' })
    const authorized: Ask = { fields: [['authorization', 'Bearer secret']] }
    expect((await ask(gateway)).status).toBe(401)
    expect((await ask(gateway, authorized)).status).toBe(200)
  })

  it('refuses a repeated request, and another media type', async () => {
    const gateway = await gateway2()
    const { body } = await sealed(gateway)
    expect((await send(gateway, body)).status).toBe(200)
    expect((await send(gateway, body)).status).toBe(200)
    expect(gateway.requests).toHaveLength(1)
    expect((await send(gateway, body, 'application/octet-stream' as never)).status).toBe(415)
  })

  it('refuses garbage and the previous request key with a problem of the key', async () => {
    const gateway = await gateway2()
    const statement = await statementOf(gateway)
    await gateway.rotateRequestKey()
    for (const body of [(await sealed(gateway, { statement })).body, new Uint8Array(2000)]) {
      const response = await send(gateway, body)
      expect([response.status, response.headers.get('content-type')]).toEqual([
        400,
        'application/problem+json',
      ])
    }
    expect((await statementOf(gateway)).sha256).not.toBe(statement.sha256)
    expect((await ask(gateway)).status).toBe(200)
  })

  it('names another server key in another statement', async () => {
    const gateway = await gateway2()
    const before = await statementOf(gateway)
    await gateway.rotateKey(await replyKey())
    const after = await statementOf(gateway)
    expect(after.rsaKeys).toEqual([gateway.fingerprint])
    expect(after.sha256).not.toBe(before.sha256)
  })

  it('is not there without the option', async () => {
    const gateway = await gatewayFor()
    expect(gateway.identity).toBeUndefined()
    expect((await fetch(`${gateway.url}/pki/wire2`)).status).toBe(404)
    await expectCode(gateway.rotateRequestKey(), 'ERR_INVALID_OPTION')
    expect(() => {
      gateway.statementFetch(faults.hang())
    }).toThrow(expect.objectContaining({ code: 'ERR_INVALID_FAULT' }) as Error)
    await expectCode(gatewayFor({ wire: 3 as never }), 'ERR_INVALID_OPTION')
  })
})

describe('faults of the statement', () => {
  it.each([
    ['forgedStatement', faults.forgedStatement(), 'ERR_STATEMENT_INVALID'],
    ['expiredStatement', faults.expiredStatement(), 'ERR_STATEMENT_EXPIRED'],
    ['html', faults.html(), 'ERR_STATEMENT_INVALID'],
  ])('%s', async (_, fault, code) => {
    const gateway = await gateway2()
    gateway.statementFetch(fault)
    await expectCode(statementOf(gateway), code)
    gateway.clear()
    expect((await statementOf(gateway)).identities).toEqual([gateway.identity])
  })

  it('otherIdentity is well signed', async () => {
    const gateway = await gateway2()
    gateway.statementFetch(faults.otherIdentity())
    const { identities } = await statementOf(gateway)
    expect(identities).not.toContain(gateway.identity)
  })

  it('a status of 404 hides wire 2, while wire 1 still names it', async () => {
    const gateway = await gateway2()
    gateway.statementFetch(faults.status(404))
    expect((await fetch(`${gateway.url}/pki/wire2`)).status).toBe(404)
    expect(await complete(gateway)).toHaveProperty('_metadata.wire.min', '1.0')
  })

  it('do not fit requests, nor those of requests the statement', async () => {
    const gateway = await gateway2()
    for (const use of [
      () => {
        gateway.next(faults.forgedStatement() as never)
      },
      () => {
        gateway.keyFetch(faults.altered() as never)
      },
      () => {
        gateway.statementFetch(faults.altered() as never)
      },
      () => {
        gateway.statementFetch(faults.replayed() as never)
      },
    ]) {
      expect(use).toThrow(expect.objectContaining({ code: 'ERR_INVALID_FAULT' }) as Error)
    }
  })
})

describe('faults of requests', () => {
  it.each<[string, Fault, string]>([
    ['withoutEnd', faults.withoutEnd(), 'ERR_TRUNCATED'],
    ['altered', faults.altered(), 'ERR_DECRYPTION_FAILED'],
  ])('%s', async (name, fault, code) => {
    const gateway = await gateway2()
    gateway.next(fault)
    await expectCode(ask(gateway), code)
    expect(gateway.requests).toMatchObject([{ fault: name }])
    expect((await ask(gateway)).status).toBe(200)
  })

  it('sealedStatus speaks inside the encryption', async () => {
    const gateway = await gateway2()
    gateway.next(faults.sealedStatus(429, 'slow down'))
    expect(await ask(gateway)).toMatchObject({ status: 429, json: { detail: 'slow down' } })
  })

  it('otherClock gives the time of the gateway', async () => {
    const gateway = await gateway2()
    gateway.next(faults.otherClock({ seconds: 7200 }))
    const { status, fields } = await ask(gateway)
    expect([status, fields['content-type']]).toEqual([400, 'application/problem+json'])
    const offset = Date.parse(fields['date'] ?? '') - Date.now()
    expect(Math.abs(offset - 7_200_000)).toBeLessThan(60_000)
  })

  it('unknownRequestKey refuses outside', async () => {
    const gateway = await gateway2()
    gateway.next(faults.unknownRequestKey())
    const response = await send(gateway, (await sealed(gateway)).body)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      type: expect.stringMatching(/#ohttp-key$/) as string,
    })
  })

  it('of HTTP serve both wires', async () => {
    const gateway = await gateway2()
    gateway.always(faults.rateLimited())
    expect((await send(gateway, (await sealed(gateway)).body)).status).toBe(429)
    expect((await post(gateway)).status).toBe(429)
  })

  it('of one wire do not serve the other', async () => {
    const gateway = await gateway2()
    gateway.always(faults.tampered())
    expect(await ask(gateway)).toMatchObject({ status: 501 })
    gateway.always(faults.altered())
    expect((await post(gateway)).status).toBe(501)
  })
})

it('serves wire 1 as before', async () => {
  const gateway = await gateway2()
  const envelope = await sealJson(hello, await serverKeyOf(gateway))
  const headers = { 'x-public-key': publicKeyToHeader((await replyKey()).publicKey) }
  const response = await post(gateway, { envelope, headers })
  const body = new Uint8Array(await response.arrayBuffer())
  const { value } = await openJson(body, (await replyKey()).privateKey)
  expect(value).toMatchObject({ choices: [{ message: { content: 'Hello!' } }] })
})
