import '@nomyo-internal/testing/vector-keys'
import { setTimeout as sleep } from 'node:timers/promises'
import { sealJson } from '@nomyo/crypto'
import { describe, expect, it, vi } from 'vitest'
import { faults, startTestGateway, testKeyPair } from '../src/index.js'
import {
  complete,
  fetchKey,
  gatewayFor,
  hello,
  open,
  post,
  replyKey,
  serverKey,
  serverKeyOf,
} from './support.js'

describe('an answer', () => {
  it('echoes the last message, encrypted, and marks it as made without a model', async () => {
    const gateway = await gatewayFor()
    const completion = await complete(gateway, {
      headers: { 'x-payload-id': 'one', 'x-security-tier': 'high' },
    })
    expect(completion).toMatchObject({
      object: 'chat.completion',
      model: 'nomyo/echo',
      system_fingerprint: 'nomyo-testkit',
      choices: [{ message: { role: 'assistant', content: 'Hello!' }, finish_reason: 'stop' }],
      _metadata: { payload_id: 'one', response_status: 'success', security_tier: 'high' },
    })
  })

  it('echoes the text parts of a message', async () => {
    const content = [
      { type: 'text', text: 'Hello, ' },
      { type: 'image_url', image_url: { url: 'data:' } },
      { type: 'text', text: 'world' },
    ]
    const request = { ...hello, messages: [{ role: 'user', content }] }
    expect(await complete(await gatewayFor(), { request })).toMatchObject({
      choices: [{ message: { content: 'Hello, world' } }],
    })
  })

  it('is the completion of the test, for the request it receives', async () => {
    const answer = vi.fn(() => ({ id: 'mine', _metadata: { memory_protection: { locked: true } } }))
    const gateway = await gatewayFor({ answer })
    const request = { ...hello, tools: [], temperature: 0.5 }
    const completion = await complete(gateway, { request, headers: { 'x-payload-id': 'two' } })
    expect(completion).toEqual({
      id: 'mine',
      _metadata: {
        memory_protection: { locked: true },
        payload_id: 'two',
        response_status: 'success',
        security_tier: 'standard',
      },
    })
    expect(answer).toHaveBeenCalledWith(request, { payloadId: 'two', securityTier: undefined })
  })

  it('is built from the text of the test', async () => {
    const gateway = await gatewayFor({ answer: async ({ model }) => `I am ${model}` })
    expect(await complete(gateway)).toMatchObject({
      system_fingerprint: 'nomyo-testkit',
      choices: [{ message: { content: 'I am nomyo/echo' } }],
    })
  })

  it.each([
    ['throws', () => Promise.reject(new Error('not this model'))],
    ['gives nothing', () => undefined as unknown as object],
    ['gives a list', () => []],
  ])('is 501, which is not retried, when the test %s', async (_what, answer) => {
    const response = await post(await gatewayFor({ answer }))
    expect(response.status).toBe(501)
    expect(await response.json()).toEqual({ detail: expect.stringMatching(/^testkit: /) })
  })
})

describe('refusals of a gateway', () => {
  it('a wrong API key, before anything else', async () => {
    const gateway = await gatewayFor({ apiKey: 'secret' })
    expect((await post(gateway)).status).toBe(401)
    expect((await post(gateway, { headers: { authorization: 'Bearer other' } })).status).toBe(401)
    expect((await post(gateway, { headers: { authorization: 'Bearer secret' } })).status).toBe(200)
    expect((await fetchKey(gateway)).status).toBe(200)
    expect(gateway.requests).toHaveLength(1)
  })

  it.each([
    ['no payload id', { headers: { 'x-payload-id': '' } }],
    ['an unknown tier', { headers: { 'x-security-tier': 'top' } }],
    ['no reply key', { headers: { 'x-public-key': '' } }],
    ['bad percent-encoding', { headers: { 'x-public-key': '%zz' } }],
    [
      'a request that is not encrypted',
      { envelope: new TextEncoder().encode(JSON.stringify(hello)) },
    ],
    ['no messages', { request: { model: 'm' } }],
    ['no model', { request: { messages: hello.messages } }],
  ])('%s: 400', async (_what, ask) => {
    const gateway = await gatewayFor()
    const response = await post(gateway, ask)
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ detail: expect.any(String) })
    expect(gateway.requests).toHaveLength(0)
  })

  it('a request encrypted to another key: 400', async () => {
    const encryptTo = (await replyKey()).publicKey
    expect((await post(await gatewayFor(), { encryptTo })).status).toBe(400)
  })

  it('a repeated envelope or id: 409', async () => {
    const gateway = await gatewayFor()
    const envelope = await sealJson(hello, await serverKeyOf(gateway))
    const headers = { 'x-payload-id': 'three' }
    expect((await post(gateway, { envelope, headers })).status).toBe(200)
    expect((await post(gateway, { envelope })).status).toBe(409)
    expect((await post(gateway, { headers })).status).toBe(409)
  })

  it('more than 16 MiB: 413', async () => {
    const response = await post(await gatewayFor(), { envelope: new Uint8Array(17 * 1024 * 1024) })
    expect(response.status).toBe(413)
  })

  it('other paths: 404', async () => {
    const gateway = await gatewayFor()
    expect((await fetch(`${gateway.url}/v1/chat/completions`)).status).toBe(404)
  })
})

describe('records for a test', () => {
  it('the decrypted requests, with their headers', async () => {
    const gateway = await gatewayFor()
    gateway.next(faults.rateLimited())
    await post(gateway, { headers: { 'x-payload-id': 'four', 'x-other': 'yes' } })
    await post(gateway)
    expect(gateway.requests).toMatchObject([
      {
        request: hello,
        payloadId: 'four',
        securityTier: undefined,
        headers: { 'x-other': 'yes' },
        fault: 'rateLimited',
      },
      { request: hello, fault: undefined },
    ])
    expect(gateway.requests[0]?.envelope).not.toEqual(gateway.requests[1]?.envelope)
    expect(gateway.keyFetches).toHaveLength(2)
    gateway.clear()
    expect([gateway.requests, gateway.keyFetches]).toEqual([[], []])
  })

  it('the connections', async () => {
    const gateway = await gatewayFor()
    expect(gateway.connections).toEqual({ open: 0, accepted: 0 })
    gateway.keyFetch(faults.hang())
    const pending = fetchKey(gateway).catch(() => 'ended')
    await vi.waitFor(() => {
      expect(gateway.connections.open).toBe(1)
    })
    await gateway.close()
    expect(await pending).toBe('ended')
    await vi.waitFor(() => {
      expect(gateway.connections).toEqual({ open: 0, accepted: 1 })
    })
  })
})

describe('the server key', () => {
  it('has an ETag, by which it is not sent twice', async () => {
    const gateway = await gatewayFor()
    const etag = (await fetchKey(gateway)).headers.get('etag') ?? ''
    expect((await fetchKey(gateway, { 'if-none-match': etag })).status).toBe(304)
    expect((await fetchKey(gateway, { 'if-none-match': '"other"' })).status).toBe(200)
  })

  it('can be replaced; the previous one decrypts nothing', async () => {
    const gateway = await gatewayFor()
    const before = await serverKeyOf(gateway)
    expect(gateway.fingerprint).toBe(before.fingerprint)
    await gateway.rotateKey()
    expect(gateway.fingerprint).not.toBe(before.fingerprint)
    expect((await serverKeyOf(gateway)).fingerprint).toBe(gateway.fingerprint)
    expect((await post(gateway, { encryptTo: before })).status).toBe(400)
    expect((await post(gateway)).status).toBe(200)
    await gateway.rotateKey(await serverKey())
    expect(gateway.fingerprint).toBe(before.fingerprint)
  })

  it('is generated at the start when none is given', async () => {
    const gateway = await startTestGateway()
    expect(gateway.fingerprint).not.toBe((await testKeyPair()).publicKey.fingerprint)
    expect((await post(gateway)).status).toBe(200)
    await gateway.close()
  })

  it('stays usable when it was given', async () => {
    const given = await testKeyPair()
    await (await startTestGateway({ serverKey: given })).close()
    const gateway = await gatewayFor({ serverKey: given })
    expect((await post(gateway)).status).toBe(200)
    expect(await testKeyPair()).toBe(given)
  })
})

describe('closing', () => {
  it('ends hanging requests, at once and once', async () => {
    const gateway = await gatewayFor()
    gateway.always(faults.hang())
    const pending = post(gateway).catch(() => 'ended')
    await vi.waitFor(() => {
      expect(gateway.requests).toHaveLength(1)
    })
    await Promise.all([gateway.close(), gateway.close()])
    expect(await pending).toBe('ended')
    await expect(fetchKey(gateway)).rejects.toThrow(TypeError)
  })
})

describe('wrong use', () => {
  it.each([
    ['an unknown option', { port: 80 }],
    ['an empty API key', { apiKey: '' }],
    ['an API key with a line break', { apiKey: 'key\n' }],
    ['an answer that is no function', { answer: 'Hello!' }],
    ['half a key', { serverKey: {} }],
    ['a key not awaited', { serverKey: Promise.resolve({}) }],
  ])('is refused: %s', async (_what, options) => {
    await expect(startTestGateway(options as object)).rejects.toMatchObject({
      name: 'TestkitError',
      code: 'ERR_INVALID_OPTION',
    })
  })

  it('is refused: a public key alone to rotate to', async () => {
    const gateway = await gatewayFor()
    const { publicKey } = await testKeyPair()
    await expect(gateway.rotateKey(publicKey as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
    })
  })

  it('is refused: faults that are none, or do not fit', async () => {
    const gateway = await gatewayFor()
    const refused = expect.objectContaining({ code: 'ERR_INVALID_FAULT' }) as Error
    expect(() => gateway.next(faults.hang as never)).toThrow(refused)
    expect(() => gateway.next(faults.hang(), {} as never)).toThrow(refused)
    expect(() => gateway.always('hang' as never)).toThrow(refused)
    expect(() => gateway.keyFetch(faults.reflected() as never)).toThrow(refused)
    expect(() => faults.status(99)).toThrow(refused)
    expect(() => faults.rateLimited({ retryAfterSeconds: -1 })).toThrow(refused)
    expect(() => faults.slowBody({ bytesPerSecond: 0 })).toThrow(refused)
    expect(() => faults.tampered('version' as never)).toThrow(refused)
    expect((await post(gateway)).status).toBe(200)
  })

  it('is refused: anything after close', async () => {
    const gateway = await gatewayFor()
    await gateway.close()
    const refused = expect.objectContaining({ code: 'ERR_GATEWAY_CLOSED' }) as Error
    expect(() => gateway.next(faults.hang())).toThrow(refused)
    expect(() => gateway.always(undefined)).toThrow(refused)
    expect(() => gateway.keyFetch(undefined)).toThrow(refused)
    await expect(gateway.rotateKey()).rejects.toEqual(refused)
  })
})

it('serves many at once', async () => {
  const gateway = await gatewayFor({
    answer: async ({ messages }) => {
      await sleep(20)
      return String(messages.at(-1)?.['content'])
    },
  })
  const encryptTo = await serverKeyOf(gateway)
  const texts = Array.from({ length: 20 }, (_, index) => `message ${index}`)
  const answers = await Promise.all(
    texts.map(async (content) => {
      const request = { ...hello, messages: [{ role: 'user', content }] }
      return open(await post(gateway, { request, encryptTo }))
    }),
  )
  const said = answers.map(
    (answer) => (answer['choices'] as { message: { content: string } }[])[0]?.message.content,
  )
  expect(said).toEqual(texts)
})
