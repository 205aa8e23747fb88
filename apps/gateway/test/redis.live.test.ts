import { randomUUID } from 'node:crypto'
import { connect, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  isInstalled,
  listenOnLoopback,
  startRedis,
  type RedisServer,
} from '@nomyo-internal/testing'
import { metric } from './measure.js'
import { fresh, gatewayOn, SOON, testRedis } from './redis.js'
import {
  post,
  refusalOf,
  seal,
  statusOf,
  testGateway,
  testModelServer,
  type TestGateway,
} from './support.js'

describe.skipIf(!isInstalled('redis-server'))('two gateways with one Redis', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.stop())

  it('refuse what the other has taken: the envelope, and the payload id', async () => {
    const [one, two] = [await gatewayOn(redis), await gatewayOn(redis)]
    const body = await seal()
    const headers = { 'x-payload-id': randomUUID() }
    expect(await statusOf(post(one, body, headers))).toBe(200)
    expect(await statusOf(post(two, body))).toBe(409)
    expect(await statusOf(post(two, await seal(), headers))).toBe(409)
    expect(await fresh(two)).toBe(200)
  })

  it('let one copy pass of many that come to both at the same time', async () => {
    const upstream = await testModelServer()
    const start = (): Promise<TestGateway> =>
      testGateway({ args: ['--upstream', upstream.url, '--redis', redis.url] })
    const gateways = [await start(), await start()]
    for (let round = 0; round < 5; round++) {
      const body = await seal()
      const copies = Array.from({ length: 10 }, (_, copy) =>
        statusOf(post(gateways[copy % 2]!, body)),
      )
      expect((await Promise.all(copies)).filter((status) => status !== 409)).toEqual([200])
    }
    expect(upstream.seen).toHaveLength(5)
  })
})

describe.skipIf(!isInstalled('redis-server'))('a Redis that becomes unavailable', () => {
  it('stops the answers, and restores them when it returns', async () => {
    const redis = await testRedis()
    const gateway = await gatewayOn(redis)
    expect(await fresh(gateway)).toBe(200)
    await redis.stop()
    const body = await seal()
    const refused = await post(gateway, body)
    refusalOf(refused, 503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200)
    await redis.start()
    await expect.poll(() => fresh(gateway), SOON).toBe(200)
    expect(gateway.log().match(/Redis is unavailable/g)).toHaveLength(1)
    expect(gateway.log()).toContain('Redis is available again')
  })

  it('leaves a gateway that may degrade its local memory, with earlier requests in it', async () => {
    const redis = await testRedis()
    const gateway = await gatewayOn(redis, '--redis-failure', 'replay=degrade')
    const [before, during] = [await seal(), await seal()]
    expect(await statusOf(post(gateway, before))).toBe(200)
    await redis.stop()
    expect(await statusOf(post(gateway, during))).toBe(200)
    expect(await statusOf(post(gateway, before))).toBe(409)
    expect(await statusOf(post(gateway, during))).toBe(409)
    await redis.start()
    await expect.poll(() => gateway.log(), SOON).toContain('Redis is available again')
    expect(await statusOf(post(gateway, during))).toBe(409)
  })

  it('leaves the rate limit to each gateway, or refuses', async () => {
    const redis = await testRedis()
    const limit = ['--rate-limit', '1/s', '--rate-burst', '1']
    const degrading = await gatewayOn(redis, ...limit, '--redis-failure', 'degrade')
    const closed = await gatewayOn(redis, ...limit, '--redis-failure', 'replay=degrade,rate=closed')
    await redis.stop()
    const statuses = await Promise.all(Array.from({ length: 8 }, () => fresh(degrading)))
    expect(statuses).toContain(200)
    expect(statuses).toContain(429)
    expect(new Set(statuses).size).toBe(2)
    expect(await fresh(closed)).toBe(503)
    await redis.start()
    await expect.poll(() => fresh(closed), SOON).toBe(200)
  })

  it('or is not available yet keeps no gateway from starting', async () => {
    const redis = await testRedis()
    await redis.stop()
    const gateway = await gatewayOn(redis)
    expect(await fresh(gateway)).toBe(503)
    await redis.start()
    await expect.poll(() => fresh(gateway), SOON).toBe(200)
  })
})

describe.skipIf(!isInstalled('redis-server'))('a Redis that is slow', () => {
  /** An address that passes everything on to a Redis after a delay. */
  async function delayed(target: number, ms: number): Promise<string> {
    const server = createServer((near) => {
      const far = connect(target, '127.0.0.1')
      near.on('data', (chunk) => setTimeout(() => far.write(chunk), ms))
      far.pipe(near)
      for (const socket of [near, far]) socket.on('error', () => undefined)
      near.on('close', () => far.destroy())
    })
    const port = await listenOnLoopback(server)
    onTestFinished(() => void server.close())
    return `redis://127.0.0.1:${port}`
  }

  it('is waited for once by a request, over its limit and both of its claims', async () => {
    const redis = await testRedis()
    // Four commands take longer than a request waits, none of them does.
    const url = await delayed(redis.port, 300)
    const args = ['--engine', 'demo', '--redis', url, '--rate-limit', '100/s']
    const gateway = await testGateway({ args })
    expect(await fresh(gateway)).toBe(503)
    expect(gateway.log()).toContain('Redis fails for replay protection (TIMEOUT)')
    expect(gateway.log()).not.toContain('Redis is unavailable')
  })
})

describe.skipIf(!isInstalled('redis-server'))('a Redis that refuses', () => {
  it.each([
    ['READONLY', ['REPLICAOF', '127.0.0.1', '1']],
    ['OOM', ['CONFIG', 'SET', 'maxmemory', '1']],
    ['NOREPLICAS', ['CONFIG', 'SET', 'min-replicas-to-write', '1']],
    ['NOPERM', ['ACL', 'SETUSER', 'default', '-set']],
  ])('is logged once and counted, in both modes: %s', async (code, words) => {
    const redis = await testRedis()
    const options = ['--metrics-port', '0', '--rate-limit', '100/s']
    const closed = await gatewayOn(redis, ...options)
    const degrading = await gatewayOn(redis, ...options, '--redis-failure', 'degrade')
    await redis.command(...words)
    for (let at = 0; at < 3; at++) {
      expect(await fresh(closed)).toBe(503)
      expect(await fresh(degrading)).toBe(200)
    }
    for (const gateway of [closed, degrading]) {
      for (const use of ['replay protection', 'rate limits']) {
        expect(gateway.log().split(`Redis fails for ${use} (${code})`)).toHaveLength(2)
      }
      expect(gateway.log()).not.toContain('Redis is unavailable')
      const errors = `nomyo_redis_errors_total{use="replay",code="${code}"}`
      expect(await metric(gateway, errors)).toBeGreaterThan(0)
      expect(await metric(gateway, 'nomyo_redis_degraded{use="replay"}')).toBe(1)
      expect(await metric(gateway, 'nomyo_redis_degraded{use="rate"}')).toBe(1)
    }
  })

  it('and accepts again is reported, without a restart', async () => {
    const redis = await testRedis()
    const gateway = await gatewayOn(redis, '--metrics-port', '0')
    await redis.command('REPLICAOF', '127.0.0.1', '1')
    expect(await fresh(gateway)).toBe(503)
    await redis.command('REPLICAOF', 'NO', 'ONE')
    await expect
      .poll(async () => (await fresh(gateway)) === 200 && gateway.log(), SOON)
      .toContain('Redis works again for replay protection')
    expect(await metric(gateway, 'nomyo_redis_degraded{use="replay"}')).toBe(0)
    expect(await metric(gateway, 'nomyo_redis_up')).toBe(1)
    expect(await metric(gateway, 'nomyo_redis_commands_pending')).toBe(0)
  })
})

it('the password of Redis is never written', async () => {
  const gateway = await testGateway({
    args: ['--engine', 'demo', '--log-level', 'debug'],
    env: { NOMYO_REDIS: 'redis://user:canary-password@127.0.0.1:1' },
  })
  const pem = await (await fetch(`${gateway.url}/pki/public_key`)).text()
  expect(pem).toContain('PUBLIC KEY')
  await gateway.close()
  expect(gateway.log()).toContain('Redis is unavailable')
  expect(gateway.log()).not.toContain('canary')
})
