import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '@nomyo-internal/testing'
import { BoundedCounter } from '../src/access/rate/bounded-counter.js'
import { clientNetwork } from '../src/access/rate/client-network.js'
import { RateLimiter } from '../src/access/rate/rate-limiter.js'
import type { GatewayConfig } from '../src/config/config.js'
import {
  addApiKey,
  chat,
  completionHead,
  get,
  parseRawAnswer,
  post,
  rawExchange,
  readConfig,
  refusalOf,
  seal,
  send,
  testGateway,
  useFakeClock,
  type Answer,
  type TestGateway,
} from './support.js'

interface Target {
  readonly url: string
}

const KEY = { one: 'the-first-key-of-these-tests', two: 'the-second-key-of-these-tests' }
const KEYS = ['--api-key', KEY.one, '--api-key', KEY.two]

async function ask(target: Target, key = KEY.one): Promise<Answer> {
  return send(target, chat('Hello!'), { authorization: `Bearer ${key}` })
}

/** Statuses of requests that arrive within one second, sealed beforehand. */
async function burst(target: Target, count: number, key = KEY.one): Promise<Answer[]> {
  const bodies = await Promise.all(Array.from({ length: count }, () => seal()))
  return Promise.all(bodies.map((body) => post(target, body, { authorization: `Bearer ${key}` })))
}

const count = (answers: readonly Answer[], status: number): number =>
  answers.filter((answer) => answer.status === status).length

const retryAfter = ({ headers }: Answer): number => Number(headers.get('retry-after') ?? 0)

const limited = (...args: string[]): Promise<TestGateway> =>
  testGateway({ args: ['--engine', 'demo', ...KEYS, ...args] })

describe('the rate limit', () => {
  it('allows a burst once, then the rate, for each key separately', async () => {
    const clock = useFakeClock()
    const gateway = await limited('--rate-limit', '2/s', '--rate-burst', '4')
    const first = await burst(gateway, 12)
    expect(count(first, 200)).toBe(4)
    for (const answer of first.filter(({ status }) => status !== 200)) {
      refusalOf(answer, 429)
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    }
    expect((await ask(gateway, KEY.two)).status).toBe(200)
    clock.advance(1100)
    // The burst is used up for ten seconds.
    expect(count(await burst(gateway, 8), 200)).toBe(2)
    clock.advance(1100)
    expect((await ask(gateway)).status).toBe(200)
  })

  it('refuses before the body is read, and after the key is checked', async () => {
    const gateway = await limited('--rate-limit', '1/s', '--rate-burst', '1')
    await burst(gateway, 3)
    const head = (key: string): string =>
      completionHead(`authorization: Bearer ${key}`, 'content-length: 1000000')
    const statuses = []
    for (const key of ['wrong', KEY.one, KEY.one, KEY.one]) {
      const run = rawExchange(gateway.port, head(key), { halfClose: key !== 'wrong' })
      statuses.push(parseRawAnswer(await run).status)
    }
    expect(statuses[0]).toBe(401)
    expect(statuses).toContain(429)
  })

  it('counts lists of models like completions', async () => {
    useFakeClock()
    const gateway = await limited('--rate-limit', '2/s', '--rate-burst', '4')
    const list = (key: string): Promise<Answer> =>
      get(gateway, '/v1/models', { headers: { authorization: `Bearer ${key}` } })
    const lists = await Promise.all(Array.from({ length: 12 }, () => list(KEY.one)))
    expect(count(lists, 200)).toBe(4)
    expect(count(lists, 429)).toBe(8)
    for (const refused of lists.filter(({ status }) => status === 429)) refusalOf(refused)
    // The same count, for the same key only: the burst is gone.
    expect(count(await burst(gateway, 8), 200)).toBe(0)
    expect((await list(KEY.two)).status).toBe(200)
  })

  it('never counts a wrong key against those who share its address', async () => {
    const gateway = await limited('--rate-limit', '1/s', '--rate-burst', '1')
    expect(count(await burst(gateway, 80, 'wrong'), 401)).toBe(80)
    expect((await ask(gateway)).status).toBe(200)
  })

  it('leaves the routes that need no key alone', async () => {
    const gateway = await limited('--rate-limit', '1/s', '--rate-burst', '1')
    await burst(gateway, 3)
    for (let i = 0; i < 5; i++) {
      expect((await fetch(`${gateway.url}/pki/public_key`)).status).toBe(200)
      expect((await fetch(`${gateway.url}/health`)).status).toBe(200)
    }
  })

  it('is of the address where no key is needed', async () => {
    const gateway = await testGateway({ args: ['--engine', 'demo', '--rate-limit', '1/s'] })
    expect(
      count([...(await burst(gateway, 4, 'a')), ...(await burst(gateway, 4, 'b'))], 429),
    ).not.toBe(0)
  })

  it('refuses a caller that does not stop for a minute, with 429, and no other', async () => {
    const clock = useFakeClock()
    const gateway = await limited('--rate-limit', '1/s', '--rate-burst', '1')
    const answers = await burst(gateway, 75)
    expect(count(answers, 200) + count(answers, 429)).toBe(75)
    const sentAway = answers.filter((answer) => retryAfter(answer) > 1)
    expect(sentAway.length).toBeGreaterThan(0)
    for (const answer of sentAway) {
      refusalOf(answer, 429)
      expect(retryAfter(answer)).toBeGreaterThan(55)
      expect(retryAfter(answer)).toBeLessThanOrEqual(60)
    }
    clock.advance(30_000)
    expect((await ask(gateway)).status).toBe(429)
    expect((await ask(gateway, KEY.two)).status).toBe(200)
    // Refusals during the cool-down do not extend it.
    clock.advance(31_000)
    expect((await ask(gateway)).status).toBe(200)
  })

  it('refuses a caller for --rate-cooldown, also one whose key has a limit of its own', async () => {
    const file = join(temporaryFolder(), 'keys.json')
    const slow = await addApiKey(file, '--rate', '1/s', '--burst', '1')
    const clock = useFakeClock()
    const gateway = await testGateway({
      args: ['--engine', 'demo', '--keys-file', file, '--rate-cooldown', '5m'],
    })
    expect(Math.max(...(await burst(gateway, 75, slow)).map(retryAfter))).toBeGreaterThan(290)
    clock.advance(299_000)
    expect((await ask(gateway, slow)).status).toBe(429)
    clock.advance(2000)
    expect((await ask(gateway, slow)).status).toBe(200)
  })

  it('refuses no longer than the limit says with --rate-cooldown 0s', async () => {
    const clock = useFakeClock()
    const gateway = await limited(
      ...['--rate-limit', '1/s', '--rate-burst', '1', '--rate-cooldown', '0s'],
    )
    const answers = await burst(gateway, 75)
    expect(count(answers, 429)).toBe(74)
    expect(Math.max(...answers.map(retryAfter))).toBe(1)
    clock.advance(1100)
    expect((await ask(gateway)).status).toBe(200)
  })

  it('has a cool-down of its own for a program', async () => {
    const clock = useFakeClock()
    const gateway = await program({ perSecond: 1, burst: 1, coolDownMs: 10_000 })
    const waits = (await burst(gateway, 75)).map(retryAfter)
    expect(Math.max(...waits)).toBeGreaterThan(1)
    expect(Math.max(...waits)).toBeLessThanOrEqual(10)
    clock.advance(10_100)
    expect((await ask(gateway)).status).toBe(200)
  })

  it('answers 503 where it cannot count', async () => {
    const broken = new RateLimiter({
      limit: { perSecond: 1, burst: 1 },
      createCounter: (options) => Object.assign(new BoundedCounter(options), { get: fail }),
    })
    await expect(broken.admit('x')).rejects.toMatchObject({ statusCode: 503 })
  })
})

describe('the default limit', () => {
  const limitOf = (...args: string[]): GatewayConfig['rateLimit'] =>
    readConfig(['--engine', 'demo', ...args]).rateLimit
  const usual = { perSecond: 2, burst: 4 }

  it.each([
    ['on loopback without keys', [], undefined],
    ['on IPv6 loopback', ['--host=::1'], undefined],
    ['elsewhere', ['--host=0.0.0.0'], usual],
    ['with a key', ['--api-key', KEY.one], usual],
    ['with a file of keys', ['--keys-file', 'keys.json'], usual],
    ['behind a proxy', ['--trust-proxy=loopback'], usual],
    ['that is given', ['--rate-limit=3/s'], { perSecond: 3, burst: 6 }],
    ['that is off', ['--host=0.0.0.0', '--rate-limit=off'], undefined],
  ])('%s', (_where, args, limit) => {
    expect(limitOf(...args)).toEqual(limit)
  })
})

it('is none for a program that does not set it', async () => {
  expect(count(await burst(await program(undefined), 12), 200)).toBe(12)
})

const fail = (): Promise<never> => Promise.reject(new Error('no connection'))

it('a key may have a limit of its own, also where there is none for others', async () => {
  const file = join(temporaryFolder(), 'keys.json')
  const slow = await addApiKey(file, '--rate', '1/s', '--burst', '1')
  const free = await addApiKey(file)
  const gateway = await testGateway({ args: ['--engine', 'demo', '--keys-file', file] })
  expect(count(await burst(gateway, 8, slow), 429)).toBeGreaterThan(0)
  expect(count(await burst(gateway, 8, free), 200)).toBe(8)
})

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
  ['2001:db8::6', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  [undefined, 'disconnected'],
])('the network of %s is %s', (address, network) => {
  expect(clientNetwork(address)).toBe(network)
})

/** A gateway of a program, with the keys one and two. */
const program = (rateLimit: GatewayConfig['rateLimit']): Promise<TestGateway> =>
  testGateway({ config: { apiKeys: Object.values(KEY), rateLimit } })

describe('a counter in memory', () => {
  const options = { keyPrefix: 'x', points: 1, duration: 60 }

  it('forgets the caller that was counted least recently beyond its bound', async () => {
    const counter = new BoundedCounter(options, 3)
    for (const caller of ['a', 'b', 'c']) await counter.consume(caller)
    await expect(counter.consume('a')).rejects.toMatchObject({ consumedPoints: 2 })
    await counter.consume('d')
    expect(await counter.get('b')).toBeNull()
    for (const caller of ['a', 'c', 'd']) expect(await counter.get(caller)).not.toBeNull()
  })

  it('holds no more callers than its bound', async () => {
    const counter = new BoundedCounter(options, 100)
    for (let caller = 0; caller < 1000; caller++) await counter.consume(String(caller))
    expect(counter.dump().storage).toHaveLength(100)
  })
})
