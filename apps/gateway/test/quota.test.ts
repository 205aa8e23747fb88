import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { SecureChatCompletion } from '@nomyo/client'
import { createNomyoFetch } from '@nomyo/client/openai-fetch'
import { UsageError } from '@nomyo-internal/command-line'
import { temporaryFolder } from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readKeysFile } from '../src/access/api-keys/keys-file.js'
import { LocalQuotaCounter } from '../src/access/quota/quota-counter.js'
import { QuotaGuard } from '../src/access/quota/quota-guard.js'
import { formatQuota, parseQuota, windowOf, type Quotas } from '../src/access/quota/quota.js'
import type { CompletionRecord, TokenUsage } from '../src/observability/completion-record.js'
import { HttpError } from '../src/http-error.js'
import { metric, metricsUrl } from './measure.js'
import {
  addApiKey,
  chat,
  get,
  holdAnswer,
  readConfig,
  runCommand,
  runKeys,
  send,
  statusOf,
  testGateway,
  testModelServer,
  type TestGateway,
} from './support.js'

const DAY_MS = 24 * 60 * 60_000
const caller = { keyName: 'alice' }

/** A guard with a clock that the test sets. */
function guardAt(time: string, quotas: Quotas) {
  let nowMs = Date.parse(time)
  const guard = new QuotaGuard({ quotas, now: () => nowMs })
  return { guard, set: (other: string) => void (nowMs = Date.parse(other)) }
}

/** Status and `Retry-After` of a refusal, or 200. */
async function admit(guard: QuotaGuard, who: Parameters<QuotaGuard['admit']>[0] = caller) {
  try {
    await guard.admit(who)
    return { status: 200 }
  } catch (error) {
    if (!(error instanceof HttpError)) throw error
    return { status: error.statusCode, retryAfter: error.retryAfterSeconds }
  }
}

/** The record of an answered request, with these facts. */
const record = (facts: Partial<CompletionRecord>): CompletionRecord => ({
  ...{
    requestId: 'id',
    payloadId: undefined,
    wire: 1 as const,
    endpoint: 'POST /v1/chat/completions' as const,
    startedAtMs: 0,
    totalMs: 1,
    status: 200,
  },
  ...{ outcome: 'ok', admitted: true, keyName: 'alice', tier: 'standard', model: 'm' },
  ...{
    upstream: 'u',
    upstreamStatus: 200,
    responseModel: 'm',
    usage: undefined,
    stream: undefined,
    bytesIn: 1000,
    bytesOut: 4000,
  },
  steps: { upstream: { startMs: 0, durationMs: 1 } },
  ...facts,
})

/** Ends a request that used tokens. */
async function spend(guard: QuotaGuard, usage: TokenUsage, keyName = 'alice'): Promise<void> {
  guard.completed(record({ usage, keyName }))
  await setImmediate()
}

describe('a quota as text', () => {
  it.each([
    ['1000/day', { limit: 1000, per: 'day' }],
    ['50k/day', { limit: 50_000, per: 'day' }],
    ['1M/month', { limit: 1_000_000, per: 'month' }],
    ['1000G/month', { limit: 1_000_000_000_000, per: 'month' }],
    ['off', 'off'],
  ])('reads %s', (text, quota) => {
    expect(parseQuota(text)).toEqual(quota)
  })

  it.each([
    ...['', '0/day', '-1/day', '1.5/day', '1e3/day', '1000', '1000/week', '1000/Day', '1000 / day'],
    ...['1m/month', '1001G/month', '9999999999999G/day', '99999999999999/day', 'OFF', '1000/day '],
  ])('refuses "%s"', (text) => {
    expect(parseQuota(text)).toBeUndefined()
  })

  it('is written as it is read', () => {
    for (const text of ['1000/day', '2000000/month', 'off'])
      expect(formatQuota(parseQuota(text)!)).toBe(text)
  })
})

describe('a window', () => {
  it.each([
    ['2026-11-28T13:00:00.000Z', '2026-11', 30],
    ['2026-02-01T00:00:00.000Z', '2026-02', 28],
    ['2028-02-29T23:59:59.999Z', '2028-02', 29],
    ['2026-12-31T23:59:59.999Z', '2026-12', 31],
  ])('of a month contains %s', (time, name, days) => {
    const { startMs, endMs, ...window } = windowOf('month', Date.parse(time))
    expect(window.name).toBe(name)
    expect((endMs - startMs) / DAY_MS).toBe(days)
    expect(new Date(startMs).toISOString()).toBe(`${name}-01T00:00:00.000Z`)
  })

  it('of a day ends at midnight UTC', () => {
    const last = windowOf('day', Date.parse('2026-02-28T23:59:59.999Z'))
    expect(last.name).toBe('2026-02-28')
    expect(windowOf('day', last.endMs).name).toBe('2026-03-01')
  })
})

const STREAM = { kind: 'events', end: 'complete', parts: 40, firstPartMs: 1 } as const
const CUT = { ...STREAM, end: 'disconnected' } as const
const AUDIO = 'POST /v1/audio/transcriptions'
const ALL = { usage: { totalTokens: 12 } }
const NONE = { usage: { promptTokens: 0, completionTokens: 0, totalTokens: 0 } }
const PROMPT = { usage: { promptTokens: 9, totalTokens: 9 } }

describe('the quota guard', () => {
  it('refuses until the window ends, to the millisecond', async () => {
    const { guard, set } = guardAt('2026-11-28T10:00:00Z', { requests: { limit: 2, per: 'day' } })
    expect(await admit(guard)).toEqual({ status: 200 })
    expect(await admit(guard)).toEqual({ status: 200 })
    expect(await admit(guard)).toEqual({ status: 429, retryAfter: 14 * 60 * 60 })
    set('2026-11-28T23:59:59.999Z')
    expect(await admit(guard)).toEqual({ status: 429, retryAfter: 1 })
    set('2026-11-29T00:00:00.000Z')
    expect(await admit(guard)).toEqual({ status: 200 })
  })

  it('counts every key apart, and addresses not at all', async () => {
    const { guard } = guardAt('2026-11-28T10:00:00Z', { requests: { limit: 1, per: 'day' } })
    expect((await admit(guard)).status).toBe(200)
    expect((await admit(guard, { keyName: 'bob' })).status).toBe(200)
    expect((await admit(guard)).status).toBe(429)
    for (let n = 0; n < 3; n++) expect((await admit(guard, {})).status).toBe(200)
    expect(guard.states().map(({ key }) => key)).toEqual(['bob', 'alice'])
  })

  it('prefers the quotas of a key, unit by unit', async () => {
    const { guard } = guardAt('2026-11-28T10:00:00Z', {
      requests: { limit: 1, per: 'day' },
      tokens: { limit: 10, per: 'day' },
    })
    const own = { keyName: 'own', quotas: { requests: { limit: 3, per: 'month' } } } as const
    for (const status of [200, 200, 200, 429]) expect((await admit(guard, own)).status).toBe(status)
    const free = { keyName: 'free', quotas: { requests: 'off' } } as const
    for (const status of [200, 200, 200]) expect((await admit(guard, free)).status).toBe(status)
    await spend(guard, { totalTokens: 10 }, 'free')
    expect((await admit(guard, free)).status).toBe(429)
  })

  it('admits while tokens are left, and counts what exceeds them', async () => {
    const { guard, set } = guardAt('2026-01-31T23:00:00Z', { tokens: { limit: 100, per: 'month' } })
    expect((await admit(guard)).status).toBe(200)
    await spend(guard, { promptTokens: 90, completionTokens: 9 })
    expect((await admit(guard)).status).toBe(200)
    await spend(guard, { totalTokens: 500 })
    expect(await admit(guard)).toEqual({ status: 429, retryAfter: 60 * 60 })
    expect(guard.states()).toEqual([{ key: 'alice', unit: 'tokens', ratio: 5.99 }])
    set('2026-02-01T00:00:00Z')
    expect(guard.states()).toEqual([])
    expect((await admit(guard)).status).toBe(200)
  })

  it('names the end of the later of two exhausted windows, and counts no refused request', async () => {
    const { guard, set } = guardAt('2026-11-29T23:59:50Z', {
      requests: { limit: 1, per: 'day' },
      tokens: { limit: 1, per: 'month' },
    })
    expect((await admit(guard)).status).toBe(200)
    expect(await admit(guard)).toEqual({ status: 429, retryAfter: 10 })
    await spend(guard, { totalTokens: 1 })
    expect(await admit(guard)).toEqual({ status: 429, retryAfter: 10 + 24 * 60 * 60 })
    set('2026-12-01T00:00:00Z')
    expect((await admit(guard)).status).toBe(200)
    expect(guard.states().map(({ ratio }) => ratio)).toEqual([1, 0])
  })

  it('admits as many of concurrent requests as the quota has', async () => {
    const { guard } = guardAt('2026-11-28T10:00:00Z', { requests: { limit: 7, per: 'month' } })
    const results = await Promise.all(Array.from({ length: 50 }, () => admit(guard)))
    expect(results.filter(({ status }) => status === 200)).toHaveLength(7)
  })

  it.each([
    ['what the model server reports', { usage: { totalTokens: 12, promptTokens: 1 } }, 12],
    ['a partial report', { usage: { completionTokens: 7 } }, 7],
    [
      'the report of a request that failed later',
      { usage: { totalTokens: 3 }, outcome: 'busy' },
      3,
    ],
    ['an estimate without a report', {}, 1000],
    ['an estimate with an empty report', { usage: {} }, 1000],
    ['the text of a sound', { endpoint: 'POST /v1/audio/transcriptions' }, 800],
    ['the text of speech', { endpoint: 'POST /v1/audio/speech' }, 200],
    ['the text of numbers', { endpoint: 'POST /v1/embeddings' }, 200],
    ['the text of a ranking', { endpoint: 'POST /v1/rerank' }, 1000],
    ['what the model server reports at the end of a stream', { ...ALL, stream: STREAM }, 12],
    ['events behind a report of the beginning', { ...NONE, stream: CUT }, 240],
    ['events behind a report of the prompt', { ...PROMPT, stream: CUT }, 49],
    ['a report of more than the events', { ...ALL, usage: { totalTokens: 900 }, stream: CUT }, 900],
    ['the events of a transcript', { endpoint: AUDIO, stream: STREAM }, 40],
    ['an estimate when the caller disconnects', { outcome: 'disconnected', bytesOut: 0 }, 200],
    ['nothing before the model was asked', { outcome: 'disconnected', steps: {} }, 0],
    ['nothing when the model server refuses', { outcome: 'upstream_refused' }, 0],
    ['a bounded amount', { usage: { totalTokens: Number.MAX_SAFE_INTEGER } }, 1_000_000_000],
  ] as const)('counts %s', async (_, facts, tokens) => {
    const limit = 1_000_000_000_000
    const { guard } = guardAt('2026-11-28T10:00:00Z', { tokens: { limit, per: 'month' } })
    await admit(guard)
    guard.completed(record(facts))
    await setImmediate()
    expect(guard.states()).toEqual([{ key: 'alice', unit: 'tokens', ratio: tokens / limit }])
  })

  it('continues the latest window when the clock is set back', async () => {
    const { guard, set } = guardAt('2026-11-29T00:00:01Z', { requests: { limit: 1, per: 'day' } })
    expect((await admit(guard)).status).toBe(200)
    set('2026-11-28T23:59:59Z')
    expect((await admit(guard)).status).toBe(429)
  })

  it('refuses when requests cannot be counted', async () => {
    const guard = new QuotaGuard({
      quotas: { requests: { limit: 1, per: 'day' } },
      counter: {
        admit: () => Promise.reject(new Error('down')),
        add: () => Promise.resolve(0),
      },
    })
    expect(await admit(guard)).toEqual({ status: 503, retryAfter: 5 })
  })

  it('forgets the counts of past windows', async () => {
    const counter = new LocalQuotaCounter()
    const use = (day: number) => {
      const window = windowOf('day', Date.UTC(2026, 0, day))
      return { key: 'alice', unit: 'requests', limit: 5, window } as const
    }
    await counter.add(use(1), 3)
    await counter.add(use(2), 1)
    expect([counter.used(use(2)), counter.used(use(3))]).toEqual([1, 0])
  })
})

describe('a gateway with quotas', () => {
  const KEYS = ['one-key-of-16-characters', 'two-key-of-16-characters'] as const
  const ask = (gateway: TestGateway, key: string, request?: unknown) =>
    send(gateway, request, { authorization: `Bearer ${key}` })

  it('refuses a key whose requests are used up, and no other key', async () => {
    const gateway = await testGateway({
      args: ['--engine', 'demo', '--api-key', KEYS[0], '--api-key', KEYS[1]].concat(
        ...['--quota-requests', '2/month'],
      ),
    })
    const statuses = await Promise.all(
      Array.from({ length: 6 }, () => statusOf(ask(gateway, KEYS[0]))),
    )
    expect(statuses.filter((status) => status === 200)).toHaveLength(2)
    const refused = await ask(gateway, KEYS[0])
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    const body = JSON.parse(new TextDecoder().decode(refused.bytes)) as Record<string, unknown>
    expect(body).toEqual({ detail: expect.any(String), code: 'insufficient_quota' })
    expect((await ask(gateway, KEYS[1])).status).toBe(200)
    // The list of models counts against the rate only.
    const models = await get(gateway, '/v1/models', {
      headers: { authorization: `Bearer ${KEYS[0]}` },
    })
    expect(models.status).toBe(200)
  })

  it('refuses in the words of OpenAI through the drop-in fetch, and forbids a retry', async () => {
    const gateway = await testGateway({
      args: ['--engine', 'demo', '--api-key', KEYS[0], '--quota-requests', '1/month'],
    })
    const client = new SecureChatCompletion({
      ...{ baseUrl: gateway.url, allowHttp: true, apiKey: KEYS[0], maxRetries: 2 },
    })
    onTestFinished(() => client.dispose())
    const fetchSealed = createNomyoFetch({ client })
    const call = () =>
      fetchSealed('https://api.example/v1/chat/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(chat('Hello!')),
      })
    expect((await call()).status).toBe(200)
    const refused = await call()
    expect(refused.status).toBe(429)
    expect(await refused.json()).toMatchObject({ error: { code: 'insufficient_quota' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  })

  it('counts the tokens that the model server reports, per key of the file', async () => {
    const keysFile = join(temporaryFolder(), 'keys.json')
    const own = await addApiKey(keysFile, '--name', 'own', '--quota-tokens', '100/month')
    const free = await addApiKey(keysFile, '--name', 'free', '--quota-tokens', 'off')
    const upstream = await testModelServer()
    const usage = { prompt_tokens: 40, completion_tokens: 60, total_tokens: 100 }
    const message = { role: 'assistant', content: 'Hi' }
    const answer = { object: 'chat.completion', choices: [{ index: 0, message }], usage }
    upstream.answer = (response) => response.end(JSON.stringify(answer))
    const gateway = await testGateway({
      args: ['--upstream', upstream.url, '--keys-file', keysFile, '--metrics-port', '0'].concat(
        ...['--quota-tokens', '1/day'],
      ),
    })
    expect((await ask(gateway, own)).status).toBe(200)
    await expect.poll(() => statusOf(ask(gateway, own))).toBe(429)
    for (let n = 0; n < 3; n++) expect((await ask(gateway, free)).status).toBe(200)
    const metrics = (await (await fetch(metricsUrl(gateway))).text()).split('\n')
    expect(metrics.filter((line) => line.startsWith('nomyo_quota_used_ratio'))).toEqual([
      'nomyo_quota_used_ratio{key="own",unit="tokens"} 1',
    ])
  })

  it('charges a caller that disconnects while the model works, and so cannot use it for nothing', async () => {
    const upstream = await testModelServer()
    const gateway = await testGateway({
      args: ['--upstream', upstream.url, '--api-key', KEYS[0], '--metrics-port', '0'].concat(
        ...['--quota-tokens', '100/month'],
      ),
    })
    const held = holdAnswer(upstream)
    const controller = new AbortController()
    const headers = { authorization: `Bearer ${KEYS[0]}` }
    const request = send(gateway, chat('x'.repeat(1000)), headers, controller.signal)
    await held.arrived
    controller.abort()
    await expect(request).rejects.toThrow()
    const used = () => metric(gateway, 'nomyo_quota_used_ratio{key="--api-key 1",unit="tokens"}')
    await expect.poll(used).toBeGreaterThan(1)
    expect((await ask(gateway, KEYS[0])).status).toBe(429)
  })

  it('charges nothing for a request that found no place', async () => {
    const upstream = await testModelServer()
    const gateway = await testGateway({
      args: ['--upstream', upstream.url, '--max-requests', '1'].concat(
        ...['--api-key', KEYS[0], '--quota-requests', '2/month'],
      ),
    })
    const held = holdAnswer(upstream, '{"choices":[{}]}')
    const first = ask(gateway, KEYS[0])
    await held.arrived
    for (let n = 0; n < 3; n++) expect((await ask(gateway, KEYS[0])).status).toBe(503)
    held.release()
    expect((await first).status).toBe(200)
    upstream.answer = (response) => response.end('{"choices":[{}]}')
    await expect.poll(() => statusOf(ask(gateway, KEYS[0]))).toBe(200)
    expect((await ask(gateway, KEYS[0])).status).toBe(429)
  })

  it.each([
    ['--quota-requests', '10'],
    ['--quota-requests', '0/day'],
    ['--quota-tokens', '1000/week'],
    ['--quota-tokens', ''],
  ])('refuses %s "%s"', async (flag, value) => {
    const args = ['--engine', 'demo', '--api-key', KEYS[0], flag, value]
    expect((await runCommand(args)).code).toBe(2)
  })

  it.each(['--quota-requests', '--quota-tokens'])('refuses %s without API keys', (flag) => {
    const args = ['--engine', 'demo', flag, '10/day']
    expect(() => readConfig(args)).toThrow(UsageError)
    expect(readConfig([...args, '--api-key', KEYS[0]]).quotas).toBeDefined()
    expect(readConfig(['--engine', 'demo', flag, 'off']).quotas).toBeUndefined()
  })

  it.each([
    ['{"requests": {"limit": 0, "per": "day"}}'],
    ['{"requests": {"limit": 1.5, "per": "day"}}'],
    ['{"requests": {"limit": 5, "per": "week"}}'],
    ['{"requests": {"limit": 5}}'],
    ['{"requests": "5/day"}'],
    ['{"bytes": {"limit": 5, "per": "day"}}'],
    ['[]'],
  ])('refuses a keys file with the quotas %s', async (quotas) => {
    const keysFile = join(temporaryFolder(), 'keys.json')
    await addApiKey(keysFile, '--name', 'own', '--quota-requests', '5/day')
    const { keys, ...rest } = JSON.parse(readFileSync(keysFile, 'utf8')) as { keys: [object] }
    const edited = { ...keys[0], quotas: JSON.parse(quotas) as unknown }
    writeFileSync(keysFile, JSON.stringify({ ...rest, keys: [edited] }))
    await expect(readKeysFile(keysFile)).rejects.toMatchObject({ code: 'ERR_API_KEYS_FILE' })
  })

  it('lists the quotas of keys', async () => {
    const keysFile = join(temporaryFolder(), 'keys.json')
    await addApiKey(
      keysFile,
      '--name',
      'own',
      '--quota-requests',
      '5k/day',
      '--quota-tokens',
      'off',
    )
    await addApiKey(keysFile, '--name', 'other')
    const lines = (await runKeys(keysFile, 'list')).stdout.trimEnd().split('\n')
    expect(lines[0]).toMatch(/\tquota-requests=5000\/day\tquota-tokens=off$/)
    expect(lines[1]).toMatch(/\tquota-requests=default\tquota-tokens=default$/)
  })
})
