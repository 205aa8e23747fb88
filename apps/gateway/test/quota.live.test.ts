import { once } from 'node:events'
import { join } from 'node:path'
import { isInstalled, temporaryFolder } from '@nomyo-internal/testing'
import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { QuotaGuard } from '../src/access/quota/quota-guard.js'
import type { QuotaUse } from '../src/access/quota/quota-counter.js'
import { windowOf, type QuotaUnit } from '../src/access/quota/quota.js'
import { RedisQuotaCounter } from '../src/access/quota/redis-counter.js'
import { silentLogger } from '../src/observability/log.js'
import { RedisConnection } from '../src/redis/connection.js'
import { gatewayOn, SOON, testRedis } from './redis.js'
import { addApiKey, runKeys, send, statusOf } from './support.js'

const NOW = Date.parse('2026-11-28T23:00:00Z')
const KEY = 'test-key-of-16-characters'

async function connect(url: string): Promise<Redis> {
  const client = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 50,
  }).on('error', () => undefined)
  onTestFinished(() => client.disconnect())
  await once(client, 'ready')
  return client
}

async function open(url: string): Promise<RedisConnection> {
  const connection = await RedisConnection.open(url, { logger: silentLogger })
  onTestFinished(() => connection.close())
  return connection
}

const use = (unit: QuotaUnit, limit: number, now = NOW): QuotaUse => ({
  ...{ key: 'alice', unit, limit },
  window: windowOf('day', now),
})

describe.skipIf(!isInstalled('redis-server'))('quotas in Redis', () => {
  it('admit as many of concurrent requests at several gateways as the quota has', async () => {
    const redis = await testRedis()
    const counters = [await open(redis.url), await open(redis.url)].map(
      (connection) => new RedisQuotaCounter({ redis: connection, degrade: false, now: () => NOW }),
    )
    const guards = counters.map((counter) => {
      const quotas = {
        requests: { limit: 7, per: 'day' },
        tokens: { limit: 9, per: 'day' },
      } as const
      return new QuotaGuard({ quotas, counter, now: () => NOW })
    })
    const admitted = await Promise.allSettled(
      Array.from({ length: 40 }, (_, n) => guards[n % 2]!.admit({ keyName: 'alice' })),
    )
    expect(admitted.filter(({ status }) => status === 'fulfilled')).toHaveLength(7)
    await counters[0]!.add({ ...use('tokens', 9), key: 'bob' }, 9)
    await expect(guards[1]!.admit({ keyName: 'bob' })).rejects.toMatchObject({
      statusCode: 429,
      retryAfterSeconds: 3600,
    })
  })

  it('expire an hour after their window, and share one slot of a cluster for each key', async () => {
    const redis = await testRedis()
    const client = await connect(redis.url)
    const connection = await open(redis.url)
    const counter = new RedisQuotaCounter({ redis: connection, degrade: false, now: () => NOW })
    expect(await counter.admit([use('requests', 5)])).toEqual([0])
    await counter.add(use('tokens', 5), 3)
    const keys = (await client.keys('nomyo:quota:*')).sort()
    expect(keys).toEqual([
      'nomyo:quota:{alice}:requests:2026-11-28',
      'nomyo:quota:{alice}:tokens:2026-11-28',
    ])
    for (const key of keys) {
      const left = await client.pttl(key)
      expect(left).toBeGreaterThan(60 * 60_000)
      expect(left).toBeLessThanOrEqual(2 * 60 * 60_000)
    }
  })

  it('continue with local counts while Redis is down, and add them when it returns', async () => {
    const redis = await testRedis()
    const client = await connect(redis.url)
    const connection = await open(redis.url)
    const counter = new RedisQuotaCounter({ redis: connection, degrade: true, now: () => NOW })
    const quota = use('requests', 4)
    // Two by another gateway.
    await client.set('nomyo:quota:{alice}:requests:2026-11-28', 2)
    expect(await counter.admit([quota])).toEqual([2])
    await redis.stop()
    await expect.poll(() => connection.ready, SOON).toBe(false)
    expect(await counter.admit([quota])).toEqual([3])
    expect(await counter.admit([quota])).toEqual([4])
    expect(await counter.add(use('tokens', 9), 5)).toBe(5)
    await redis.start()
    await expect.poll(() => client.ping().catch(() => 'down'), SOON).toBe('PONG')
    await expect.poll(() => connection.ready, SOON).toBe(true)
    // A Redis without persistence has lost its counts; those of the outage reach it.
    await client.set('nomyo:quota:{alice}:requests:2026-11-28', 1)
    expect(await counter.admit([quota, use('tokens', 9)])).toEqual([2, 5])
    expect(await client.get('nomyo:quota:{alice}:requests:2026-11-28')).toBe('3')
    expect(await client.get('nomyo:quota:{alice}:tokens:2026-11-28')).toBe('5')
  })

  it('are listed with what is used of them, and without while Redis is down', async () => {
    const redis = await testRedis()
    const keysFile = join(temporaryFolder(), 'keys.json')
    await addApiKey(keysFile, '--name', 'other', '--quota-tokens', '9k/day')
    const quotas = ['--quota-requests', '5/month', '--quota-tokens', 'off']
    const key = await addApiKey(keysFile, '--name', 'own', ...quotas)
    const gateway = await gatewayOn(redis, '--keys-file', keysFile)
    expect(await statusOf(send(gateway, undefined, { authorization: `Bearer ${key}` }))).toBe(200)
    const list = async () =>
      (await runKeys(keysFile, 'list', '--redis', redis.url)).stdout.trimEnd().split('\n')
    const [other, own] = await list()
    expect(other).toMatch(/\tquota-requests=default\tquota-tokens=9000\/day,used 0$/)
    expect(own).toMatch(/\tquota-requests=5\/month,used 1\tquota-tokens=off$/)
    await redis.stop()
    const down = await runKeys(keysFile, 'list', '--redis', redis.url)
    expect(down.code).toBe(0)
    expect(down.stdout).toMatch(/\tquota-requests=5\/month\tquota-tokens=off$/m)
    expect(down.stderr).toContain('Redis')
  })

  it('refuse while Redis is down with closed, keep tokens of answers, and answer with degrade', async () => {
    const redis = await testRedis()
    const start = (mode: string) =>
      gatewayOn(
        redis,
        ...['--redis-failure', `replay=degrade,rate=${mode}`],
        ...['--api-key', KEY, '--quota-requests', '3/month'],
      )
    const [closed, degrade] = [await start('closed'), await start('degrade')]
    const ask = (gateway: typeof closed) =>
      statusOf(send(gateway, undefined, { authorization: `Bearer ${KEY}` }))
    expect([await ask(closed), await ask(degrade)]).toEqual([200, 200])
    await redis.stop()
    await expect.poll(() => ask(closed), SOON).toBe(503)
    expect([await ask(degrade), await ask(degrade)]).toEqual([200, 429])
  })
})
