import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { payloadIdExtraData } from '@nomyo/attest'
import { padmeLength } from '@nomyo/crypto/envelope'
import { GATEWAY_PATH, MEDIA_TYPES, PROBLEM_TYPES, createRequestKey } from '@nomyo/crypto/wire-2'
import { temporaryFolder } from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  HI,
  addApiKey,
  chat,
  complete,
  completionOf,
  fileGateway,
  holdAnswer,
  httpLines,
  logEntries,
  readConfig,
  send,
  testGateway,
  testModelServer,
  testSocket,
  useFakeClock,
} from '../support.js'
import { metric } from '../measure.js'
import { createDemoEngine } from '../../src/upstreams/demo/demo.js'
import { QuotaGuard } from '../../src/access/quota/quota-guard.js'
import { EventLoopTurns } from '../../src/json/event-loop-turns.js'
import { JsonBytes } from '../../src/json/json-bytes.js'
import { HttpError } from '../../src/http-error.js'
import { readChatRequest, requestLimits } from '../../src/completion/chat-request.js'
import { LocalReplayCache } from '../../src/completion/replay/local.js'
import { createSharedState } from '../../src/shared-state.js'
import { silentLogger } from '../../src/observability/log.js'
import type { Engine } from '../../src/upstreams/engine.js'
import { HEARTBEATS_MS } from '../../src/wire-2/answer/sealed-answer.js'
import { HEADER_BYTES, joinBody, sealInChunks } from './bodies.js'
import {
  ask,
  hybridKem,
  keyConfigOf,
  messageOf,
  openInner,
  postSealed,
  sealMessage,
  type RequestOptions,
} from './client.js'
import { classicKem, testExchange } from './in-process.js'

const ALICE = 'the-api-key-of-alice'
const BOB = 'the-api-key-of-bob-b'
const asAlice = { authorization: `Bearer ${ALICE}` }
const asBob = { authorization: `Bearer ${BOB}` }

const gateway = await fileGateway({
  args: ['--engine', 'demo', '--api-key', ALICE, '--api-key', BOB, '--metrics-port', '0'],
})
const open = await fileGateway()
const tiered = await fileGateway({
  args: ['--engine', 'demo', '--api-key', ALICE],
  config: { policy: { tiers: { standard: {}, high: {} } } },
})

describe('a request of wire 2', () => {
  it('is answered inside the encryption', async () => {
    const id = 'the-id-of-this-call'
    const before = Math.floor(Date.now() / 1000)
    const answer = await ask(gateway, { fields: { ...asAlice, 'idempotency-key': id } })
    expect(answer.status).toBe(200)
    expect(answer.fields.get('content-type')).toBe('application/json')
    expect(answer.fields.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    const { sha256 } = await statementOf(gateway.url)
    expect(answer.json).toMatchObject({
      object: 'chat.completion',
      choices: [{ message: { content: 'Hello!' } }],
    })
    const { processed_at, ...metadata } = answer.json['_metadata'] as Record<string, unknown>
    expect(metadata).toEqual({
      payload_id: id,
      response_status: 'success',
      security_tier: 'standard',
      model: 'nomyo/echo',
      memory_protection: expect.objectContaining({ platform: process.platform }),
      cuda_device: expect.objectContaining({ is_available: expect.any(Boolean) }),
      tpm_attestation: { is_available: false },
      is_encrypted: true,
      encryption_algorithm: 'OHTTP MLKEM768-X25519 HKDF-SHA256 AES-256-GCM',
      wire: { version: 2, statement_sha256: sha256 },
    })
    expect(processed_at).toBeGreaterThanOrEqual(before)
    expect(Date.parse(answer.fields.get('date') ?? '')).toBeGreaterThanOrEqual(before * 1000)
  })

  it('has headers that keep caches and proxies from it', async () => {
    const { body } = await sealMessage(await keyConfigOf(gateway), { fields: asAlice })
    const { status, headers } = await postSealed(gateway, body, { 'accept-encoding': 'gzip, br' })
    expect(status).toBe(200)
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': MEDIA_TYPES.answer,
      'cache-control': 'no-store, no-transform',
      incremental: '?1',
      'x-accel-buffering': 'no',
    })
    for (const name of ['content-length', 'content-encoding']) expect(headers.get(name)).toBeNull()
  })

  it('for an X25519 key is answered too, and says so', async () => {
    const { url, classic } = await testExchange()
    const { body, openAnswer } = await sealMessage(classic, {}, classicKem)
    const { json } = await openInner(await postSealed({ url }, body), openAnswer())
    expect(json['_metadata']).toMatchObject({
      encryption_algorithm: 'OHTTP X25519 HKDF-SHA256 AES-256-GCM',
    })
  })

  it('without an idempotency key is known by its request id', async () => {
    const { json, fields } = await ask(open, { fields: { 'idempotency-key': undefined } })
    const { payload_id } = json['_metadata'] as Record<string, unknown>
    expect(payload_id).toBe(fields.get('x-request-id'))
  })

  it('uses one memory of the log, the record and the metrics with wire 1', async () => {
    const labels = (wire: number) => `{tier="standard",wire="${wire}"}`
    const name = 'nomyo_completion_duration_seconds_count'
    const [one, two] = [
      await metric(gateway, name + labels(1)),
      await metric(gateway, name + labels(2)),
    ]
    await ask(gateway, { fields: { ...asAlice, 'idempotency-key': 'known-in-the-log' } })
    await complete(gateway, chat('x'), asAlice)
    await expect.poll(() => metric(gateway, name + labels(2))).toBe(two + 1)
    await expect.poll(() => metric(gateway, name + labels(1))).toBe(one + 1)
    const lines = logEntries<Record<string, unknown>>(gateway.log())
    expect(lines.find(({ payloadId }) => payloadId === 'known-in-the-log')).toMatchObject({
      wire: 2,
      outcome: 'ok',
      tier: 'standard',
      model: 'nomyo/echo',
      route: GATEWAY_PATH,
      decryptMs: expect.any(Number),
      encryptMs: expect.any(Number),
    })
  })
})

/** The statement of a gateway. */
async function statementOf(url: string): Promise<{ sha256: string; routes: string[] }> {
  const document = (await (await fetch(`${url}/pki/wire2`)).json()) as { statement: string }
  const statement = Buffer.from(document.statement, 'base64')
  const { routes } = JSON.parse(statement.toString()) as { routes: string[] }
  const digest = await crypto.subtle.digest('SHA-256', statement)
  return { sha256: Buffer.from(digest).toString('hex'), routes }
}

describe('an answer', () => {
  it('of wire 1 says that wire 2 exists', async () => {
    const { _metadata } = await complete(gateway, chat('x'), asAlice)
    const { sha256 } = await statementOf(gateway.url)
    expect(_metadata['wire']).toEqual({ min: '1.0', statement_sha256: sha256 })
  })

  it.each([1, 300, 5000, 40_000])(
    'to %s characters has the length of many others',
    async (length) => {
      const config = await keyConfigOf(open)
      const sizes = await Promise.all(
        [0, 3].map(async (more) => {
          const content = chat('y'.repeat(length + more))
          const { body } = await sealMessage(config, { content })
          return { sent: body.length, received: (await postSealed(open, body)).bytes.length }
        }),
      )
      expect(sizes[1]).toEqual(sizes[0])
      // What remains without nonce, tags and lengths of chunks is a length of Padmé.
      const chunks = Math.ceil(sizes[0]!.received / 16_403)
      const plaintext = sizes[0]!.received - 32 - 16 * chunks - 4 * (chunks - 1) - 1
      expect(padmeLength(plaintext)).toBe(plaintext)
      expect(plaintext).toBeGreaterThanOrEqual(512)
    },
  )

  it('to a large request is whole', async () => {
    const text = 'z'.repeat(3_000_000)
    const { json } = await ask(open, { content: chat(text) })
    expect(json).toMatchObject({ choices: [{ message: { content: text } }] })
  })

  it('that finds no memory is overwritten, and refused inside', async () => {
    const dispose = vi.spyOn(JsonBytes.prototype, 'dispose')
    onTestFinished(() => {
      dispose.mockRestore()
    })
    const exchange = await testExchange({ load: { maxBytesInFlight: 4_000_000 } })
    const { body, openAnswer } = await sealMessage(exchange.hybrid, {
      content: chat('x'.repeat(700_000)),
    })
    expect((await openInner(await postSealed(exchange, body), openAnswer())).status).toBe(503)
    expect(dispose).toHaveBeenCalledTimes(1)
  })

  it('has evidence over the idempotency key', async () => {
    const asked: Uint8Array[] = []
    const attestor = {
      ...{ kind: 'tpm' as const, required: true, ready: true },
      attest: (extraData: Uint8Array) => {
        asked.push(extraData)
        return Promise.resolve({ is_available: false as const })
      },
      start: () => Promise.resolve(),
      close: () => Promise.resolve(),
    }
    const exchange = await testExchange({ attestor })
    const { body } = await sealMessage(exchange.hybrid, {
      fields: { 'idempotency-key': 'of-this' },
    })
    await postSealed(exchange, body)
    expect(asked).toEqual([await payloadIdExtraData('of-this')])
  })
})

describe('a refusal inside', () => {
  it.each([
    ['context-length', 400, 400, 'context_length_exceeded', undefined],
    ['model-not-found', 400, 404, 'model_not_found', undefined],
    ['rate-limit', 429, 429, 'rate_limit_exceeded', '2'],
    ['server', 502, 500, null, undefined],
    ['overloaded', 503, 503, 'overloaded', '1'],
    ['timeout', 504, 504, 'timeout', undefined],
  ])('has the words of the model server: %s', async (name, status, inner, code, retryAfter) => {
    const answer = await ask(open, { content: chat('x', { model: `nomyo/error-${name}` }) })
    expect(answer.status).toBe(status)
    expect(answer.fields.get('retry-after')).toBe(retryAfter)
    expect(answer.json).toMatchObject({
      detail: expect.any(String),
      error: { status: inner, code },
    })
  })

  it.each([
    ['no API key', {}, 401],
    ['an unknown API key', { authorization: 'Bearer the-api-key-of-eve--' }, 401],
    ['two API keys', { ...asAlice, more: [['authorization', asBob.authorization]] }, 400],
    ['an unknown tier', { ...asAlice, 'x-security-tier': 'best' }, 400],
    ['a wrong idempotency key', { ...asAlice, 'idempotency-key': 'x'.repeat(201) }, 400],
    ['another type', { ...asAlice, 'content-type': 'text/plain' }, 415],
  ] as const)('answers %s', async (_name, given, status) => {
    const { more, ...fields } = given as Record<string, string> & { more?: [string, string][] }
    const answer = await ask(gateway, { fields, ...(more === undefined ? {} : { more }) })
    expect(answer.status).toBe(status)
    expect(answer.json).toEqual({ detail: expect.any(String) })
  })

  it.each([
    ['another path', { path: '/v1/files' }],
    ['a path with a query', { path: '/v1/chat/completions?a=b' }],
    ['an encoded path', { path: '/v1/chat/%63ompletions' }],
    ['a path with dots', { path: '/v1/x/../chat/completions' }],
    ['a path with two slashes', { path: '/v1//chat/completions' }],
    ['a path with a slash at its end', { path: '/v1/chat/completions/' }],
    ['another method', { method: 'GET' }],
    ['the route of wire 1', { path: '/v1/chat/secure_completion' }],
  ])('answers %s', async (_name, control) => {
    expect((await ask(gateway, { ...control, fields: asAlice })).status).toBe(404)
  })

  it.each<[string, RequestOptions, number]>([
    ['without a date', { fields: { ...asAlice, date: undefined } }, 400],
    ['without an API key', {}, 401],
    ['for another route', { path: '/v1/files', fields: asAlice }, 404],
    ['of another type', { fields: { ...asAlice, 'content-type': 'text/plain' } }, 415],
    [
      'for a tier that is not served',
      { fields: { ...asAlice, 'x-security-tier': 'maximum' } },
      403,
    ],
  ])('comes before the rest of a request %s is read', async (_name, options, status) => {
    const config = await keyConfigOf(tiered)
    const content = chat('x'.repeat(100_000))
    const parts = await sealInChunks(hybridKem, config, messageOf({ ...options, content }), [450])
    const first = joinBody({ ...parts, chunks: parts.chunks.slice(0, 1) }, { isFinal: false })
    let finish = (): void => undefined
    const body = new ReadableStream({
      start: (controller) => {
        controller.enqueue(first)
        finish = () => {
          controller.error(new Error('over'))
        }
      },
    })
    const answer = await postSealed(tiered, body as never)
    expect((await openInner(answer, parts.openAnswer())).status).toBe(status)
    finish()
  })

  it('answers a tier that the key or the policy does not have', async () => {
    const file = `${temporaryFolder()}/keys.json`
    const key = await addApiKey(file, '--name', 'carol', '--tiers', 'standard')
    const target = await testGateway({
      args: ['--engine', 'demo', '--keys-file', file],
      config: { policy: { tiers: { standard: {}, high: {} } } },
    })
    const fields = { authorization: `Bearer ${key}` }
    const forTier = (tier: string) =>
      ask(target, { fields: { ...fields, 'x-security-tier': tier } })
    expect((await forTier('standard')).status).toBe(200)
    for (const tier of ['high', 'maximum']) {
      const answer = await forTier(tier)
      expect(answer.status).toBe(403)
      expect(answer.json).toMatchObject({ error: { code: 'tier_not_allowed' } })
    }
  })
})

describe('the date of a request', () => {
  const NOW = Date.UTC(2026, 10, 28, 12)
  const at = (seconds: number): string => new Date(NOW + 1000 * seconds).toUTCString()

  it.each([
    [at(0), 200],
    [at(300), 200],
    [at(-300), 200],
    [at(301), 400],
    [at(-301), 400],
    [undefined, 400],
    ['', 400],
    ['now', 400],
    [new Date(NOW).toISOString(), 400],
    ['Saturday, 28-Nov-26 12:00:00 GMT', 400],
    ['Sat Nov 28 12:00:00 2026', 400],
    ['Fri, 28 Nov 2026 12:00:00 GMT', 400],
    ['Sat, 28 Nov 2026 12:00:00 +0000', 400],
  ])('%s: %s', async (date, status) => {
    const exchange = await testExchange({ now: () => NOW })
    const { body, openAnswer } = await sealMessage(exchange.hybrid, { fields: { date } })
    const answer = await openInner(await postSealed(exchange, body), openAnswer())
    expect(answer.status).toBe(status)
    if (status === 200) return
    expect(answer.fields.get('content-type')).toBe('application/problem+json')
    expect(answer.fields.get('date')).toBe(at(0))
    expect(answer.json).toMatchObject({ type: PROBLEM_TYPES.date })
  })

  it('may be missing where it is optional, and must be right where it is not missing', async () => {
    const target = await testGateway({ args: ['--engine', 'demo', '--date', 'optional'] })
    const statusOfDate = async (date: string | undefined) =>
      (await ask(target, { fields: { date } })).status
    expect(await statusOfDate(undefined)).toBe(200)
    expect(await statusOfDate(at(0))).toBe(400)
  })
})

describe('a replay', () => {
  it('is refused inside, and the model is not asked', async () => {
    const upstream = await testModelServer()
    const target = await testGateway({ args: ['--upstream', upstream.url] })
    const config = await keyConfigOf(target)
    const { body, openAnswer } = await sealMessage(config)
    expect((await postSealed(target, body)).status).toBe(200)
    const again = await openInner(await postSealed(target, body), openAnswer())
    expect(again.status).toBe(409)
    expect(upstream.seen.filter(({ method }) => method === 'POST')).toHaveLength(1)
  })

  it('in other bytes is refused too', async () => {
    const config = await keyConfigOf(open)
    const parts = await sealInChunks(hybridKem, config, messageOf(), [400])
    expect((await postSealed(open, joinBody(parts))).status).toBe(200)
    const again = await postSealed(open, joinBody(parts, { width: 8 }))
    expect((await openInner(again, parts.openAnswer())).status).toBe(409)
  })

  it('of what was refused before its end is refused too', async () => {
    const config = await keyConfigOf(open)
    const parts = await sealInChunks(hybridKem, config, messageOf(), [400])
    expect((await postSealed(open, joinBody(parts).slice(0, -1))).status).toBe(200)
    const again = await postSealed(open, joinBody(parts))
    expect((await openInner(again, parts.openAnswer())).status).toBe(409)
  })

  it('of a request without a valid API key takes no place in the memory', async () => {
    const replayCache = new LocalReplayCache({ windowMs: 1000 })
    const exchange = await testExchange({ replayCache, currentKeys: noKeyFits })
    for (let count = 0; count < 3; count++) {
      await postSealed(exchange, (await sealMessage(exchange.hybrid)).body)
    }
    expect(replayCache.size).toBe(0)
  })

  it('counts neither against the rate limit nor against the quota of the caller', async () => {
    const target = await testGateway({
      args: [
        ...['--engine', 'demo', '--api-key', ALICE, '--quota-requests', '3/day'],
        ...['--rate-limit', '2/s', '--rate-burst', '2'],
      ],
    })
    const config = await keyConfigOf(target)
    const { body, openAnswer } = await sealMessage(config, { fields: asAlice })
    expect((await openInner(await postSealed(target, body), openAnswer())).status).toBe(200)
    const copies = await Promise.all(Array.from({ length: 10 }, () => postSealed(target, body)))
    expect(new Set(copies.map(({ status }) => status))).toEqual(new Set([200]))
    expect((await ask(target, { fields: asAlice })).status).toBe(200)
  })

  it('that only another gateway has seen does not count against the quota', async () => {
    const quotaGuard = new QuotaGuard({ quotas: { requests: { limit: 1, per: 'day' } } })
    const admit = vi.spyOn(quotaGuard, 'admit')
    const replayCache = {
      claim: () => Promise.resolve(false),
      isKnown: () => false,
      close: () => Promise.resolve(),
    }
    const exchange = await testExchange({ replayCache, quotaGuard })
    const { body, openAnswer } = await sealMessage(exchange.hybrid)
    expect((await openInner(await postSealed(exchange, body), openAnswer())).status).toBe(409)
    expect(admit).not.toHaveBeenCalled()
  })

  it('sent at the same time: one of ten copies is answered', async () => {
    const upstream = await testModelServer()
    const target = await testGateway({ args: ['--upstream', upstream.url] })
    const { body } = await sealMessage(await keyConfigOf(target))
    await Promise.all(Array.from({ length: 10 }, () => postSealed(target, body)))
    expect(upstream.seen.filter(({ method }) => method === 'POST')).toHaveLength(1)
  })

  it.each([-299, 0, 300])('is refused whenever its date, %s s off, is accepted', async (skew) => {
    const clock = useFakeClock()
    const config = readConfig(['--engine', 'demo'])
    const { sealedReplayCache: replayCache } = await createSharedState(config, silentLogger)
    const demo = createDemoEngine()
    let asked = 0
    const complete: Engine['complete'] = (...request) => {
      asked++
      return demo.complete(...request)
    }
    const exchange = await testExchange({ replayCache, engine: { ...demo, complete } })
    const date = new Date(Date.now() + 1000 * skew).toUTCString()
    const { body } = await sealMessage(exchange.hybrid, { fields: { date } })
    for (let seconds = 0; seconds <= 720; seconds += 59) {
      expect((await postSealed(exchange, body)).status).toBe(200)
      clock.advance(59_000)
    }
    expect(asked).toBe(1)
  })

  it('is refused for the whole life of a key where dates are optional', async () => {
    const clock = useFakeClock()
    const config = readConfig(['--engine', 'demo', '--date', 'optional'])
    const { sealedReplayCache: cache } = await createSharedState(config, silentLogger)
    expect(await cache.claim(['a'])).toBe(true)
    clock.advance((2 * 60 + 5) * 60_000)
    expect(await cache.claim(['a'])).toBe(false)
  })
})

/** No API key is valid. */
const noKeyFits = () => ({ find: () => Promise.resolve(undefined) }) as never

describe('a caller that disconnects while a model works', () => {
  it('aborts it, and is no fault', async () => {
    const controller = new AbortController()
    const demo = createDemoEngine()
    let isAborted = false
    const complete: Engine['complete'] = (_request, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          isAborted = true
          reject(new HttpError(504, 'aborted'))
        })
        controller.abort()
      })
    const exchange = await testExchange({ engine: { ...demo, complete } })
    const { body } = await sealMessage(exchange.hybrid)
    await expect(
      fetch(exchange.url + GATEWAY_PATH, {
        method: 'POST',
        headers: { 'content-type': MEDIA_TYPES.request },
        body: body as BodyInit,
        signal: controller.signal,
      }),
    ).rejects.toThrow()
    const metrics = () => exchange.context.metrics.registry.metrics()
    await expect.poll(() => isAborted).toBe(true)
    await expect.poll(metrics).toContain('nomyo_bytes_in_flight 0')
    expect(await metrics()).not.toContain('cause="fault"')
  })
})

describe('an idempotency key', () => {
  it('is refused while its first request is answered, in the scope of its API key', async () => {
    const upstream = await testModelServer()
    const target = await testGateway({
      args: ['--upstream', upstream.url, '--api-key', ALICE, '--api-key', BOB],
    })
    const held = holdAnswer(upstream)
    const first = ask(target, { fields: { ...asAlice, 'idempotency-key': 'same' } })
    await held.arrived
    upstream.answer = (response) => void response.end(HI)
    const statusOfKey = async (key: string, caller: Record<string, string>) =>
      (await ask(target, { fields: { ...caller, 'idempotency-key': key } })).status
    expect(await statusOfKey('same', asAlice)).toBe(409)
    expect(await statusOfKey('other', asAlice)).toBe(200)
    expect(await statusOfKey('same', asBob)).toBe(200)
    held.release()
    expect((await first).status).toBe(200)
    expect(await statusOfKey('same', asAlice)).toBe(200)
  })
})

describe('the authority of a request', () => {
  it('is any where no name is set', async () => {
    expect((await ask(open, { authority: 'elsewhere.example' })).status).toBe(200)
  })

  it.each([
    ['', 200],
    ['gateway.example', 200],
    ['GATEWAY.example:8443', 200],
    ['other.example:444', 200],
    ['other.example', 421],
    ['gateway.example.evil', 421],
    ['xgateway.example', 421],
  ])('%s: %s', async (authority, status) => {
    const publicNames = ['gateway.example', 'other.example:444']
    const exchange = await testExchange({ settings: { publicNames } })
    const { body, openAnswer } = await sealMessage(exchange.hybrid, { authority })
    expect((await openInner(await postSealed(exchange, body), openAnswer())).status).toBe(status)
  })

  it('is set by --public-name', async () => {
    const target = await testGateway({ args: ['--engine', 'demo', '--public-name', 'a.example'] })
    expect((await ask(target, { authority: 'a.example' })).status).toBe(200)
    expect((await ask(target, { authority: 'b.example' })).status).toBe(421)
  })
})

describe('signs of life', () => {
  const slow = (ms: number): Engine => {
    const demo = createDemoEngine()
    return {
      ...demo,
      complete: async (...request) => {
        await setTimeout(ms)
        return demo.complete(...request)
      },
    }
  }

  it('come before a late answer, no more than readers take', async () => {
    const heartbeatsMs = Array.from({ length: 16 }, () => 5)
    const exchange = await testExchange({ engine: slow(400), heartbeatsMs })
    const { body, openAnswer } = await sealMessage(exchange.hybrid)
    const answer = await openInner(await postSealed(exchange, body), openAnswer())
    expect(answer).toMatchObject({ status: 200, interim: 16 })
  })

  it('come before a late refusal too, and the caller can disconnect between them', async () => {
    const exchange = await testExchange({ engine: slow(300), heartbeatsMs: [20, 20] })
    const content = chat('x', { model: 'nomyo/error-overloaded' })
    const { body, openAnswer } = await sealMessage(exchange.hybrid, { content })
    const answer = await openInner(await postSealed(exchange, body), openAnswer())
    expect(answer).toMatchObject({ status: 503, interim: 2 })
    const abort = new AbortController()
    const next = await sealMessage(exchange.hybrid)
    const response = await fetch(exchange.url + GATEWAY_PATH, {
      ...{ method: 'POST', body: next.body as BodyInit, signal: abort.signal },
      headers: { 'content-type': MEDIA_TYPES.request },
    })
    abort.abort()
    await expect(response.arrayBuffer()).rejects.toThrow()
    expect((await fetch(`${exchange.url}/health`)).status).toBe(200)
  })

  it('are not taken for an answer that is read slowly', async () => {
    const parts = { engine: slow(2500), heartbeatsMs: [100, 100], requestTimeoutMs: 1000 }
    const exchange = await testExchange(parts)
    const { body, openAnswer } = await sealMessage(exchange.hybrid)
    const answer = await openInner(await postSealed(exchange, body), openAnswer())
    expect(answer).toMatchObject({ status: 200, interim: 2 })
  })

  it('do not excuse a caller that does not read its answer', async () => {
    const demo = createDemoEngine()
    // A large request might arrive too late.
    const large = await readChatRequest(Buffer.from(JSON.stringify(chat('x'.repeat(20_000_000)))), {
      limits: requestLimits(),
      turns: new EventLoopTurns(),
    })
    const complete: Engine['complete'] = (_request, ...options) => demo.complete(large, ...options)
    const exchange = await testExchange({
      engine: { ...demo, complete },
      requestTimeoutMs: 1000,
      maxBodyBytes: 32 * 1024 * 1024,
    })
    const { body } = await sealMessage(exchange.hybrid)
    const socket = await testSocket(exchange.port)
    const closed = once(socket, 'close')
    socket.pause()
    const head = `POST ${GATEWAY_PATH} HTTP/1.1`
    const lines = [
      'host: x',
      `content-type: ${MEDIA_TYPES.request}`,
      `content-length: ${body.length}`,
    ]
    socket.write(httpLines(head, ...lines, ''))
    socket.write(body)
    await expect
      .poll(() => exchange.context.metrics.registry.metrics())
      .toContain('nomyo_connections_dropped_total{cause="slow_reader"} 1')
    socket.resume()
    await closed
  })

  it('keep within 16, at most 45 seconds apart, for as long as a model may take by default', () => {
    const total = HEARTBEATS_MS.reduce((sum, ms) => sum + ms, 0)
    expect(HEARTBEATS_MS).toHaveLength(16)
    expect(HEARTBEATS_MS[0]).toBe(15_000)
    expect(Math.max(...HEARTBEATS_MS)).toBeLessThan(60_000)
    expect(total).toBeGreaterThanOrEqual(600_000)
  })
})

describe('request keys that change', () => {
  it('in the middle of a request do not touch it', async () => {
    const exchange = await testExchange()
    const parts = await sealInChunks(hybridKem, exchange.hybrid, messageOf(), [400])
    const whole = joinBody(parts)
    const firstEnd = HEADER_BYTES + parts.enc.length + 2 + parts.chunks[0]!.length
    const body = new ReadableStream({
      start: async (controller) => {
        controller.enqueue(whole.slice(0, firstEnd))
        await setTimeout(100)
        for (const key of exchange.keys.splice(0)) key.dispose()
        exchange.keys.push(await createRequestKey(hybridKem, { id: 9 }))
        controller.enqueue(whole.slice(firstEnd))
        controller.close()
      },
    })
    const answer = await postSealed(exchange, body as never)
    expect((await openInner(answer, parts.openAnswer())).status).toBe(200)
    // What comes later is for no key.
    const late = await sealMessage(exchange.hybrid)
    expect((await postSealed(exchange, late.body)).status).toBe(400)
  })

  it('disposed of while they decapsulate are no fault', async () => {
    const key = await createRequestKey(hybridKem, { id: 3 })
    const config = { ...(await testExchange({ keys: [key] })) }
    key.dispose()
    const { body } = await sealMessage(config.hybrid)
    const answer = await postSealed(config, body)
    expect(answer.status).toBe(400)
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  })
})

describe('places', () => {
  it('are not taken by strangers of any address: the one that waits longest makes room', async () => {
    const target = await testGateway({
      args: ['--engine', 'demo', '--api-key', ALICE, '--max-requests', '4'],
    })
    const config = await keyConfigOf(target)
    const head = httpLines(
      `POST ${GATEWAY_PATH} HTTP/1.1`,
      ...['host: x', `content-type: ${MEDIA_TYPES.request}`, 'content-length: 2000', '', 'abc'],
    )
    const ended: number[] = []
    for (let at = 1; at <= 4; at++) {
      const socket = await testSocket(target.port, { from: `127.0.2.${at}`, text: head })
      socket.once('data', (part) => {
        expect(String(part)).toMatch(/^HTTP\/1\.1 503 /)
        ended.push(at)
      })
      await setTimeout(50)
    }
    await completionOf(await send(target, chat('x'), asAlice))
    expect(ended).toEqual([])
    for (let count = 1; count <= 3; count++) {
      const { body, openAnswer } = await sealMessage(config, { fields: asAlice })
      expect((await openInner(await postSealed(target, body), openAnswer())).status).toBe(200)
      // Its place is free again afterwards.
      await expect.poll(() => ended).toEqual([1])
    }
  })

  it('of unknown callers are free again once they are known, or gone', async () => {
    const target = await testGateway({
      args: ['--engine', 'demo', '--api-key', ALICE, '--max-requests', '1'],
    })
    for (let count = 0; count < 3; count++) {
      expect((await ask(target, { fields: asAlice })).status).toBe(200)
      expect((await ask(target)).status).toBe(401)
    }
  })

  it('are those of the API key, once it is known', async () => {
    const upstream = await testModelServer()
    const target = await testGateway({
      args: [
        ...['--upstream', upstream.url, '--max-requests-per-caller', '1'],
        ...['--api-key', ALICE, '--api-key', BOB],
      ],
    })
    const held = holdAnswer(upstream)
    const first = ask(target, { fields: asAlice })
    await held.arrived
    upstream.answer = (response) => void response.end(HI)
    expect((await ask(target, { fields: asAlice })).status).toBe(503)
    expect((await send(target, chat('x'), asAlice)).status).toBe(503)
    expect((await ask(target, { fields: asBob })).status).toBe(200)
    held.release()
    expect((await first).status).toBe(200)
    expect((await ask(target, { fields: asAlice })).status).toBe(200)
  })

  it('and rates are those of the API key, and of the address where there is none', async () => {
    const limits = ['--rate-limit', '2/s', '--rate-burst', '2']
    const keyed = await testGateway({ args: ['--engine', 'demo', '--api-key', ALICE, ...limits] })
    const anonymous = await testGateway({ args: ['--engine', 'demo', ...limits] })
    const config = await keyConfigOf(keyed)
    const inner = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const { body, openAnswer } = await sealMessage(config, { fields: asAlice })
        return (await openInner(await postSealed(keyed, body), openAnswer())).status
      }),
    )
    expect(inner.sort()).toEqual([200, 200, 429, 429])
    const other = await keyConfigOf(anonymous)
    const outer = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const { body } = await sealMessage(other)
        return (await postSealed(anonymous, body)).status
      }),
    )
    expect(outer.sort()).toEqual([200, 200, 429, 429])
  })

  it('and quotas are shared by both wires', async () => {
    const target = await testGateway({
      args: ['--engine', 'demo', '--api-key', ALICE, '--quota-requests', '2/day'],
    })
    await completionOf(await send(target, chat('x'), asAlice))
    expect((await ask(target, { fields: asAlice })).status).toBe(200)
    const answer = await ask(target, { fields: asAlice })
    expect(answer.status).toBe(429)
    expect(answer.json).toMatchObject({ code: 'insufficient_quota' })
    expect((await send(target, chat('x'), asAlice)).status).toBe(429)
  })
})

describe('a web page', () => {
  const ORIGIN = 'https://app.example'

  it('may send requests of wire 2 where its origin may use the gateway', async () => {
    const target = await testGateway({ args: ['--engine', 'demo', '--cors-origin', ORIGIN] })
    const preflight = await fetch(target.url + GATEWAY_PATH, {
      method: 'OPTIONS',
      headers: {
        origin: ORIGIN,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,incremental',
      },
    })
    expect(preflight.status).toBe(204)
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-headers': 'content-type,incremental',
      'access-control-max-age': '7200',
    })
    const { body } = await sealMessage(await keyConfigOf(target))
    const answer = await postSealed(target, body, { origin: ORIGIN })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN)
    const refused = await postSealed(target, body, { origin: 'https://other.example' })
    expect(refused.status).toBe(403)
  })

  it('gets a key list that no cache gives to a page of another origin', async () => {
    const target = await testGateway({ args: ['--engine', 'demo', '--cors-origin', ORIGIN] })
    const { headers } = await fetch(target.url + GATEWAY_PATH, {
      headers: { accept: MEDIA_TYPES.keyList, origin: ORIGIN },
    })
    expect(headers.get('access-control-allow-origin')).toBe(ORIGIN)
    expect(headers.get('vary')?.toLowerCase()).toBe('origin, accept')
  })
})
