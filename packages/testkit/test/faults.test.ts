import { performance } from 'node:perf_hooks'
import { importPublicKey, openJson } from '@nomyo/crypto'
import { describe, expect, it } from 'vitest'
import { faults, type CompletionFault, type HttpFault } from '../src/index.js'
import {
  complete,
  fetchKey,
  gatewayFor,
  hello,
  open,
  post,
  replyKey,
  serverKeyOf,
} from './support.js'

describe('the order of faults', () => {
  it('is that of the calls; later responses are as before', async () => {
    const gateway = await gatewayFor()
    gateway.next(faults.status(418), faults.status(500))
    gateway.next(faults.status(502))
    const statuses = []
    for (let count = 0; count < 4; count++) statuses.push((await post(gateway)).status)
    expect(statuses).toEqual([418, 500, 502, 200])
  })

  it('puts the next ones before the constant one', async () => {
    const gateway = await gatewayFor()
    gateway.always(faults.status(503))
    gateway.next(faults.status(418))
    const statuses = []
    for (let count = 0; count < 3; count++) statuses.push((await post(gateway)).status)
    gateway.always(undefined)
    statuses.push((await post(gateway)).status)
    expect(statuses).toEqual([418, 503, 503, 200])
  })

  it('counts only decryptable requests', async () => {
    const gateway = await gatewayFor()
    gateway.next(faults.status(418))
    expect((await post(gateway, { envelope: new Uint8Array() })).status).toBe(400)
    expect((await post(gateway)).status).toBe(418)
  })

  it('ends with clear', async () => {
    const gateway = await gatewayFor()
    gateway.next(faults.status(418))
    gateway.always(faults.status(503))
    gateway.keyFetch(faults.status(500))
    gateway.clear()
    expect((await post(gateway)).status).toBe(200)
  })

  it('takes a fault of the test', async () => {
    const gateway = await gatewayFor()
    gateway.next({
      name: 'late',
      appliesTo: 'completion',
      answer: async ({ response, seal, completion }) => {
        response.end(await seal({ ...(await completion()), late: true }))
      },
    })
    expect(await complete(gateway)).toMatchObject({ late: true, model: hello.model })
    expect(gateway.requests[0]?.fault).toBe('late')
  })
})

describe('a status', () => {
  it.each([
    [faults.rateLimited(), 429, null],
    [faults.rateLimited({ retryAfterSeconds: 7 }), 429, '7'],
    [faults.unavailable({ retryAfterSeconds: 1800 }), 503, '1800'],
    [faults.status(403, 'no'), 403, null],
  ])('comes with a detail (%#)', async (fault, status, retryAfter) => {
    const gateway = await gatewayFor()
    gateway.next(fault)
    const response = await post(gateway)
    expect([response.status, response.headers.get('retry-after')]).toEqual([status, retryAfter])
    expect(await response.json()).toEqual({ detail: expect.any(String) })
  })

  it('may have any detail, or none', async () => {
    const gateway = await gatewayFor()
    gateway.next(faults.status(422, [{ loc: ['body'] }]), faults.status(500), faults.status(204))
    expect(await (await post(gateway)).json()).toEqual({ detail: [{ loc: ['body'] }] })
    expect(await (await post(gateway)).text()).toBe('')
    expect((await post(gateway)).status).toBe(204)
  })

  it.each([
    [undefined, 400],
    [404, 400],
    [429, 429],
    [500, 502],
    [503, 503],
    [504, 504],
  ])('may carry the encrypted error of a model server: %s', async (status, outer) => {
    const gateway = await gatewayFor()
    const error = { message: 'm', code: 'context_length_exceeded', param: 'messages' }
    gateway.next(faults.modelError(status === undefined ? error : { ...error, status }))
    const response = await post(gateway, { headers: { 'x-payload-id': 'the-id' } })
    expect(response.status).toBe(outer)
    const body = (await response.json()) as Record<string, unknown>
    expect(Object.keys(body)).toEqual(['detail', 'sealed_error'])
    const envelope = new TextEncoder().encode(JSON.stringify(body['sealed_error']))
    expect((await openJson(envelope, (await replyKey()).privateKey)).value).toEqual({
      error: { ...error, status: status ?? 400, type: null },
      _metadata: { payload_id: 'the-id', response_status: 'error' },
    })
  })

  it('of a model server is no success', () => {
    expect(() => faults.modelError({ status: 200, message: 'm' })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_FAULT' }),
    )
  })

  it('may lead elsewhere', async () => {
    const gateway = await gatewayFor()
    gateway.next(faults.redirect('https://elsewhere.example/'), faults.redirect('/', 301))
    const first = await post(gateway)
    expect([first.status, first.headers.get('location')]).toEqual([
      307,
      'https://elsewhere.example/',
    ])
    expect((await post(gateway)).status).toBe(301)
  })
})

describe('a connection', () => {
  it('is reset', async () => {
    const gateway = await gatewayFor()
    gateway.next(faults.reset())
    await expect(post(gateway)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } })
    expect((await post(gateway)).status).toBe(200)
  })

  it('hangs', async () => {
    const gateway = await gatewayFor()
    gateway.next(faults.hang())
    const signal = AbortSignal.timeout(200)
    await expect(post(gateway, { signal })).rejects.toMatchObject({ name: 'TimeoutError' })
  })

  it('is truncated in the middle of the body', async () => {
    const gateway = await gatewayFor()
    gateway.next(faults.truncated())
    const response = await post(gateway)
    expect(response.status).toBe(200)
    await expect(response.arrayBuffer()).rejects.toThrow(TypeError)
  })

  it('sends the body slowly, and whole', async () => {
    const gateway = await gatewayFor()
    const size = (await (await post(gateway)).arrayBuffer()).byteLength
    gateway.next(faults.slowBody({ bytesPerSecond: size * 2 }))
    const start = performance.now()
    expect(await complete(gateway)).toMatchObject({ model: hello.model })
    expect(performance.now() - start).toBeGreaterThan(400)
  })
})

describe('an oversized body', () => {
  const MIB = 1024 * 1024

  it.each([65_536, 1])('never ends, in chunks of %i bytes', async (chunkBytes) => {
    const gateway = await gatewayFor()
    gateway.next(faults.endless({ chunkBytes, status: 500 }))
    const response = await post(gateway)
    expect(response.status).toBe(500)
    let size = 0
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      size += chunk.length
      if (size > 100_000) break
    }
    expect(size).toBeGreaterThan(100_000)
    expect((await post(gateway)).status).toBe(200)
  })

  it('announces its size and keeps to it', async () => {
    const gateway = await gatewayFor()
    gateway.next(faults.oversized({ bytes: 20 * MIB }))
    const response = await post(gateway)
    expect(response.headers.get('content-length')).toBe(String(20 * MIB))
    const body = new Uint8Array(await response.clone().arrayBuffer())
    expect(body.length).toBe(20 * MIB)
    const envelope = new TextDecoder().decode(body).trimEnd()
    expect(await open(new Response(envelope))).toMatchObject({ model: hello.model })
  })

  it('is small on the wire', async () => {
    const gateway = await gatewayFor()
    gateway.next(faults.compressedBomb({ bytes: 60 * MIB }))
    const response = await post(gateway)
    expect(Number(response.headers.get('content-length'))).toBeLessThan(MIB)
    expect((await response.arrayBuffer()).byteLength).toBe(64 * MIB)
  })
})

describe('an encrypted answer', () => {
  it.each(['ciphertext', 'tag', 'nonce', 'wrappedKey'] as const)(
    'differs in one bit of its %s and cannot be decrypted',
    async (part) => {
      const gateway = await gatewayFor()
      gateway.next(faults.tampered(part))
      await expect(complete(gateway)).rejects.toMatchObject({ code: 'ERR_DECRYPTION_FAILED' })
    },
  )

  it('is the previous one', async () => {
    const gateway = await gatewayFor()
    const first = await (await post(gateway)).text()
    gateway.next(faults.tampered(), faults.replayed())
    await post(gateway)
    expect(await (await post(gateway)).text()).toBe(first)
  })

  it('cannot be the previous one when there is none', async () => {
    const gateway = await gatewayFor()
    gateway.next(faults.replayed())
    expect((await post(gateway)).status).toBe(501)
  })

  it('is the request', async () => {
    const gateway = await gatewayFor()
    gateway.next(faults.reflected())
    const body = new Uint8Array(await (await post(gateway)).arrayBuffer())
    expect(body).toEqual(gateway.requests[0]?.envelope)
  })

  it('is for another recipient', async () => {
    const gateway = await gatewayFor()
    gateway.next(faults.wrongRecipient())
    await expect(complete(gateway)).rejects.toMatchObject({ code: 'ERR_DECRYPTION_FAILED' })
  })

  it('names another request', async () => {
    const gateway = await gatewayFor()
    gateway.next(faults.otherRequest())
    const { _metadata: metadata } = await complete(gateway, { headers: { 'x-payload-id': 'five' } })
    expect(metadata).toMatchObject({ payload_id: expect.not.stringMatching('five') })
    expect(metadata).toMatchObject({ response_status: 'success' })
  })
})

describe('an answer that is not encrypted', () => {
  it.each<[CompletionFault | HttpFault, RegExp]>([
    [faults.plaintext(), /"content":"Hello!"/],
    [faults.html(), /^<!doctype html>/],
    [faults.empty(), /^$/],
    [faults.scalar(), /^7$/],
  ])('has status 200 (%#)', async (fault, text) => {
    const gateway = await gatewayFor()
    gateway.next(fault)
    const response = await post(gateway)
    expect(response.status).toBe(200)
    expect(await response.text()).toMatch(text)
  })
})

describe('a key fetch', () => {
  it.each([
    [faults.garbageKey(), 'ERR_KEY_INVALID'],
    [faults.html(), 'ERR_KEY_INVALID'],
    [faults.empty(), 'ERR_KEY_INVALID'],
    [faults.scalar(), 'ERR_KEY_INVALID'],
    [faults.weakKey(), 'ERR_KEY_WEAK'],
    [faults.weakKey({ bits: 2048 }), 'ERR_KEY_WEAK'],
  ])('gives no good key (%#)', async (fault, code) => {
    const gateway = await gatewayFor()
    gateway.keyFetch(fault)
    await expect(serverKeyOf(gateway)).rejects.toMatchObject({ code })
    await expect(serverKeyOf(gateway)).rejects.toMatchObject({ code })
    gateway.keyFetch(undefined)
    expect((await serverKeyOf(gateway)).fingerprint).toBe(gateway.fingerprint)
  })

  it('fails as any request does', async () => {
    const gateway = await gatewayFor()
    gateway.keyFetch(faults.unavailable())
    expect((await fetchKey(gateway)).status).toBe(503)
    gateway.keyFetch(faults.truncated())
    await expect(fetchKey(gateway).then((response) => response.text())).rejects.toThrow(TypeError)
    gateway.keyFetch(faults.slowBody({ bytesPerSecond: 5000 }))
    const pem = await (await fetchKey(gateway)).text()
    expect((await importPublicKey(pem)).fingerprint).toBe(gateway.fingerprint)
  })
})
