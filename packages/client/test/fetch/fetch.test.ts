import { expectCode } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { connect, drain, hello, newClient, post, turn } from './support.js'
import { newGateway } from '../sealed-exchange/support.js'
import { stripWire2 } from '../wire-2/support.js'

const streamed = { ...hello, stream: true }
const CHAT = '/v1/chat/completions'

describe('a request of any route', () => {
  it('travels encrypted whole: method, path, fields and content', async () => {
    const { client, server } = await connect(({ whole }) => whole(200, { data: [1] }), {
      apiKey: 'client-key',
    })
    const response = await client.fetch('/v1/embeddings', {
      ...post({ model: 'm', input: 'Hi' }),
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        'openai-beta': 'x=1',
        'x-security-tier': 'high',
        'user-agent': 'spy',
        'x-stainless-os': 'spy',
      },
    })
    expect(await response.json()).toEqual({ data: [1] })
    const [request] = server.requests
    expect(request?.route).toBe('POST /v1/embeddings')
    expect(Buffer.from(request?.content ?? []).toString()).toBe('{"model":"m","input":"Hi"}')
    expect(request?.fields).toEqual({
      date: expect.any(String),
      authorization: 'Bearer client-key',
      'x-security-tier': 'high',
      'idempotency-key': expect.any(String),
      'content-type': 'application/json',
      accept: 'application/json',
      'openai-beta': 'x=1',
    })
    expect(response.headers.get('x-request-id')).toBe(request?.fields['idempotency-key'])
    expect(server.authorizations).toEqual([])
  })

  it('names the key of its header or body in place of the client', async () => {
    const { client, server } = await connect(({ whole }) => whole(200, {}), { apiKey: 'own' })
    const headers = { authorization: 'Bearer header', 'content-type': 'application/json' }
    await client.fetch('/v1/embeddings', post({ model: 'm' }, { headers }))
    await client.fetch('/v1/embeddings', post({ model: 'm', api_key: 'body' }, { headers }))
    const keys = server.requests.map(({ fields }) => fields['authorization'])
    expect(keys).toEqual(['Bearer header', 'Bearer body'])
    expect(Buffer.from(server.requests[1]!.content).toString()).toBe('{"model":"m"}')
  })

  it('takes every kind of body, and puts the model of a form first', async () => {
    const { client, server } = await connect(({ whole }) => whole(200, {}))
    const path = '/v1/audio/transcriptions'
    const form = new FormData()
    form.append('file', new Blob(['sound']), 'a.wav')
    form.append('model', 'whisper')
    await client.fetch(path, { method: 'POST', body: form })
    await client.fetch(path, { method: 'POST', body: new Blob(['b'], { type: 'audio/wav' }) })
    const bytes = Uint8Array.of(1, 2)
    await client.fetch(path, { method: 'POST', body: bytes })
    // Those of the caller are not zeroed.
    expect(bytes).toEqual(Uint8Array.of(1, 2))
    const stream = new Response('streamed').body
    await client.fetch(path, { method: 'POST', body: stream, duplex: 'half' } as RequestInit)
    const [first, ...others] = server.requests
    const text = Buffer.from(first!.content).toString()
    expect(text.indexOf('whisper')).toBeLessThan(text.indexOf('sound'))
    const boundary = /boundary=(.+)$/.exec(first?.fields['content-type'] ?? '')?.[1]
    expect(text).toContain(`--${String(boundary)}--`)
    const contents = others.map(({ content }) => Buffer.from(content).toString('latin1'))
    expect(contents).toEqual(['b', '\u0001\u0002', 'streamed'])
  })

  it('is refused where its body holds anything but bytes, which would be sent as zeros', async () => {
    const { client, server } = await connect(({ whole }) => whole(200, {}))
    for (const part of ['a text', 7, Uint16Array.of(1), [1, 2]]) {
      const body = new ReadableStream({
        start: (controller) => {
          controller.enqueue(part)
          controller.close()
        },
      })
      const init = { method: 'POST', body, duplex: 'half' } as RequestInit
      await expectCode(client.fetch('/v1/audio/translations', init), 'ERR_INVALID_REQUEST')
    }
    expect(server.seen).toEqual([])
  })

  it('is refused where a header has a control character', async () => {
    const { client, server } = await connect(({ whole }) => whole(200, {}))
    const json = { 'content-type': 'application/json' }
    for (const name of ['accept', 'content-type', 'openai-beta', 'accept-language']) {
      for (const path of [CHAT, '/v1/embeddings']) {
        const init = post(hello, { headers: { ...json, [name]: 'a\u0001' } })
        await expectCode(client.fetch(path, init), 'ERR_INVALID_REQUEST')
      }
    }
    expect(server.seen).toEqual([])
  })

  it('may be a GET, also of one model', async () => {
    const { client, server } = await connect(({ whole }) => whole(200, { id: 'a/b' }))
    const response = await client.fetch('/v1/models/a%2Fb')
    expect(await response.json()).toEqual({ id: 'a/b' })
    expect(server.requests[0]?.route).toBe('GET /v1/models/a%2Fb')
    expect(server.requests[0]?.content).toHaveLength(0)
  })

  it('is refused before anything is sent where the gateway does not offer it', async () => {
    const { client, server } = await connect(({ whole }) => whole(200, {}))
    for (const [path, method] of [
      ['/v1/files', 'POST'],
      ['/v1/models', 'DELETE'],
      ['/v1/models/a/b', 'GET'],
    ] as const) {
      await expectCode(
        client.fetch(path, method === 'GET' ? {} : post({}, { method })),
        'ERR_ROUTE',
      )
    }
    for (const path of ['v1/models', '/v1/models?x=1', '/v1/models#x', '/v1/mod els', '', '/']) {
      await expectCode(client.fetch(path), 'ERR_INVALID_REQUEST')
    }
    await expectCode(client.fetch('/v1/embeddings', post([1])), 'ERR_INVALID_REQUEST')
    await expectCode(
      client.fetch('/v1/models', { method: 'GET', body: 'x' }),
      'ERR_INVALID_REQUEST',
    )
    expect(server.requests).toEqual([])
  })

  it('is refused as by create, with an authenticated error', async () => {
    const { client } = await connect(({ whole }) =>
      whole(429, { detail: 'slow' }, [['retry-after', '70']]),
    )
    await expect(client.fetch('/v1/embeddings', post({ model: 'm' }))).rejects.toMatchObject({
      name: 'RateLimitError',
      authenticated: true,
      retryAfterMs: 70_000,
    })
  })

  it('is sent again after a refusal that allows it, with the same key of its call', async () => {
    let count = 0
    const { client, server } = await connect(({ whole }) =>
      count++ === 0 ? whole(503, { detail: 'busy' }, [['retry-after-ms', '1']]) : whole(200, {}),
    )
    const response = await client.fetch('/v1/embeddings', {
      ...post({ model: 'm' }),
      maxRetries: 1,
    })
    expect(response.status).toBe(200)
    const keys = server.requests.map(({ fields }) => fields['idempotency-key'])
    expect(new Set(keys).size).toBe(1)
    expect(keys).toHaveLength(2)
  })

  it('ends its answer above 16 MiB of JSON', async () => {
    const { client, server } = await connect(async ({ begin }) => {
      const stream = await begin('application/json')
      for (let sent = 0; sent < 300; sent++) await stream.send(Buffer.alloc(65_000, 0x20))
    })
    const { error } = await drain(await client.fetch('/v1/embeddings', post({ model: 'm' })))
    expect(error).toMatchObject({ name: 'SecurityError', code: 'ERR_ENVELOPE_TOO_LARGE' })
    await expect.poll(() => server.requests[0]?.response.destroyed).toBe(true)
  })
})

describe('a streamed chat completion', () => {
  it('resolves at its head, and hands out every part as it comes', async () => {
    const turns = [0, 1, 2].map(() => turn())
    const { client, server } = await connect(async ({ begin }) => {
      const stream = await begin()
      for (const [at, turn] of turns.entries()) {
        await turn.come
        await stream.send(`data: {"n":${String(at)}}\n\n`)
      }
      await stream.end()
    })
    const response = await client.fetch(CHAT, post(streamed))
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(Buffer.from(server.requests[0]!.content).toString()).toBe(JSON.stringify(streamed))
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    for (const [at, turn] of turns.entries()) {
      turn.now()
      const { value } = await reader.read()
      expect(Buffer.from(value!).toString()).toBe(`data: {"n":${String(at)}}\n\n`)
    }
    expect(await reader.read()).toMatchObject({ done: true })
  })

  it('that is whole is checked as by create', async () => {
    const gateway = await newGateway()
    const client = newClient(gateway)
    const response = await client.fetch(CHAT, post(hello))
    expect(await response.json()).toMatchObject({ _metadata: { wire: { version: 2 } } })
    const { server, client: other } = await connect(({ whole }) => whole(200, { choices: 1 }))
    const headers = { 'content-type': 'application/json', 'openai-beta': 'beta' }
    await expectCode(other.fetch(CHAT, post(hello, { headers })), 'ERR_PLAINTEXT_INVALID')
    expect(server.requests[0]?.fields).toMatchObject({
      accept: 'application/json',
      'openai-beta': 'beta',
    })
  })

  it('on wire 1 arrives whole, and is marked; no other route is sent', async () => {
    const gateway = await newGateway({ wire: 1 })
    const client = newClient(gateway)
    const headers = { 'content-type': 'application/json', 'openai-beta': 'beta' }
    const response = await client.fetch(CHAT, post(streamed, { headers }))
    expect(response.headers.get('x-nomyo-stream')).toBe('synthetic')
    expect((await drain(response)).text).toMatch(/data: \[DONE\]\n\n$/)
    // It would travel outside of the encryption.
    expect(gateway.requests[0]?.headers).not.toHaveProperty('openai-beta')
    await expectCode(client.fetch('/v1/embeddings', post({ model: 'm' })), 'ERR_ROUTE')
    expect(gateway.requests).toHaveLength(1)
  })

  it('is whole where every answer needs a receipt', async () => {
    const receipts: unknown[] = []
    const gateway = await newGateway()
    const client = newClient(gateway, { onReceipt: (receipt) => void receipts.push(receipt) })
    const response = await client.fetch(CHAT, post(streamed))
    expect(response.headers.get('x-nomyo-stream')).toBe('synthetic')
    expect(receipts).toHaveLength(1)
  })

  it('is no reason for wire 1 where the client requires wire 2', async () => {
    const { client, server } = await connect(() => undefined, { wire: 2 })
    stripWire2(server)
    await expectCode(client.fetch(CHAT, post(streamed)), 'ERR_WIRE_DOWNGRADE')
  })
})
