import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { sealJson } from '@nomyo/crypto'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  isInstalled,
  startForwarder,
  startRedis,
  startRedisCluster,
  startSentinel,
  stopAfterTest,
} from '@nomyo-internal/testing'
import { RedisReplayCache } from '../src/completion/replay/redis.js'
import { silentLogger } from '../src/observability/log.js'
import { RedisConnection } from '../src/redis/connection.js'
import { metric } from './measure.js'
import { encryptedKey, fresh, gatewayOn, KEYS, pair, PASSWORD, replicated, SOON } from './redis.js'
import { chat, post, seal, statusOf, testGateway, type TestGateway } from './support.js'

describe.skipIf(!isInstalled('redis-server'))('a failover', () => {
  it('behind one address, with a kept connection to the old master, needs no restart', async () => {
    const [master, replica] = await pair()
    const forwarder = await startForwarder(master.port)
    onTestFinished(() => forwarder.stop())
    const gateway = await gatewayOn({ url: `redis://127.0.0.1:${forwarder.port}` })
    const answered = await seal()
    expect(await statusOf(post(gateway, answered))).toBe(200)
    await replicated([master], [replica])
    await replica.command('REPLICAOF', 'NO', 'ONE')
    await master.command('REPLICAOF', '127.0.0.1', String(replica.port))
    forwarder.target = replica.port
    await expect.poll(() => fresh(gateway), SOON).toBe(200)
    expect(await statusOf(post(gateway, answered))).toBe(409)
    expect(gateway.log().match(/Redis fails for replay protection \(READONLY\)/g)).toHaveLength(1)
    expect(forwarder.connections).toBe(1)
  })

  it('with Sentinel needs no restart, whether the master hangs, ends or is demoted', async () => {
    const [master, replica] = await pair()
    const sentinel = stopAfterTest(await startSentinel(master))
    const gateway = await gatewayOn(sentinel)
    const answered = await seal()
    expect(await statusOf(post(gateway, answered))).toBe(200)
    await replicated([master], [replica])
    master.signal('SIGSTOP')
    await expect.poll(() => fresh(gateway), SOON).toBe(200)
    expect(await sentinel.masterPort()).toBe(replica.port)
    expect(await statusOf(post(gateway, answered))).toBe(409)
    master.signal('SIGCONT')
    await expect.poll(() => replica.command('INFO', 'replication'), SOON).toContain('state=online')
    await expect
      .poll(() => sentinel.server.command('SENTINEL', 'FAILOVER', 'mymaster'), SOON)
      .toBe('OK')
    await expect.poll(() => sentinel.masterPort(), SOON).toBe(master.port)
    await expect.poll(() => fresh(gateway), SOON).toBe(200)
    expect(await statusOf(post(gateway, answered))).toBe(409)
  })
})

describe.skipIf(!isInstalled('redis-server'))('a Redis Cluster', () => {
  it('refuses replays at every gateway, also when one names a single node', async () => {
    const cluster = stopAfterTest(await startRedisCluster())
    const limit = ['--rate-limit', '1000/s']
    const one = await gatewayOn(cluster, ...limit)
    const two = await gatewayOn(cluster.nodes[0]!, ...limit)
    const bodies = await Promise.all(Array.from({ length: 60 }, () => seal()))
    for (const body of bodies) expect(await statusOf(post(one, body))).toBe(200)
    for (const body of bodies) expect(await statusOf(post(two, body))).toBe(409)
    for (let at = 0; at < 20; at++) expect(await fresh(two)).toBe(200)
    const sizes = await Promise.all(
      cluster.nodes.slice(0, 3).map(async (node) => Number(await node.command('DBSIZE'))),
    )
    for (const size of sizes) expect(size).toBeGreaterThan(20)
    expect(two.log()).toContain('the gateway uses the whole cluster')
    expect(one.log() + two.log()).not.toContain('Redis fails')
    // Without the right to ask, a redirection tells.
    for (const node of cluster.nodes) {
      await node.command('ACL', 'SETUSER', 'few', 'on', '>few', '~nomyo:*', '+@all', '-info')
    }
    const three = await gatewayOn({ url: cluster.nodes[0]!.url.replace('//', '//few:few@') })
    await expect.poll(() => fresh(three), SOON).toBe(200)
    await expect
      .poll(async () => (await fresh(three)) === 200 && three.log(), SOON)
      .toContain('the gateway uses the whole cluster')
    for (const body of bodies) expect(await statusOf(post(three, body))).toBe(409)
  })
})

describe.skipIf(!isInstalled('redis-server'))('gateways with a cluster', () => {
  it('share server keys and quotas', async () => {
    const cluster = stopAfterTest(await startRedisCluster({ replicas: 0 }))
    const entry = `${Date.now() - 60_000}\n${keyPem('keys/encrypted.private.pem')}`
    await cluster.nodes[0]!.command('-c', 'HSET', KEYS, '1', entry)
    const key = 'test-key-of-16-characters'
    const start = (): Promise<TestGateway> =>
      testGateway({
        args: [
          '--engine',
          'demo',
          '--redis',
          cluster.url,
          '--shared-keys',
          '--quota-requests',
          '4/day',
        ],
        env: { NOMYO_KEY_PASSWORD: PASSWORD, NOMYO_API_KEY: key },
        ignoresKeyDir: true,
      })
    const gateways = [await start(), await start()]
    for (const { fingerprint } of gateways) expect(fingerprint).toBe(encryptedKey.fingerprint)
    const headers = { authorization: `Bearer ${key}` }
    for (let at = 0; at < 6; at++) {
      const body = await sealJson(chat(`${at}`), encryptedKey)
      expect(await statusOf(post(gateways[at % 2]!, body, headers))).toBe(at < 4 ? 200 : 429)
    }
  })
})

describe.skipIf(!isInstalled('redis-server'))('a Redis that hangs', () => {
  it('is reported once, and waited for by the requests in flight only', async () => {
    const redis = stopAfterTest(await startRedis())
    const gateway = await gatewayOn(redis, '--rate-limit', '10000/s', '--metrics-port', '0')
    redis.signal('SIGSTOP')
    for (let at = 0; at < 100; at++) expect(await fresh(gateway)).toBe(503)
    expect(await metric(gateway, 'nomyo_redis_commands_pending')).toBe(0)
    expect(await metric(gateway, 'nomyo_redis_up')).toBe(0)
    expect(gateway.log().match(/Redis is unavailable \(TIMEOUT\)/g)).toHaveLength(1)
    expect(gateway.log().match(/Redis fails for replay protection \(TIMEOUT\)/g)).toHaveLength(1)
    redis.signal('SIGCONT')
    await expect.poll(() => fresh(gateway), SOON).toBe(200)
  })

  it('lets commands take no memory', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const heapAfterGc = (): number => {
      collect()
      return process.memoryUsage().heapUsed
    }
    const server = stopAfterTest(await startRedis())
    const redis = await RedisConnection.open(server.url, { logger: silentLogger })
    onTestFinished(() => redis.close())
    const cache = new RedisReplayCache({ redis, windowMs: 60_000, fallback: undefined })
    const claim = async (count: number): Promise<void> => {
      const ids = Array.from({ length: count }, () => [randomUUID(), randomUUID()])
      const claims = await Promise.allSettled(ids.map((pair) => cache.claim(pair)))
      expect(claims.filter(({ status }) => status === 'fulfilled')).toEqual([])
    }
    server.signal('SIGSTOP')
    await claim(2000)
    const before = heapAfterGc()
    // Longer than a connection to it lasts: several of them hang.
    for (let round = 0; round < 40; round++) {
      await claim(1000)
      await setTimeout(200)
      expect(redis.pending).toBeLessThanOrEqual(1024)
    }
    const grownKiB = Math.round((heapAfterGc() - before) / 1024)
    console.log(`hung Redis: heap ${grownKiB} KiB more after 40,000 claims`)
    expect(grownKiB).toBeLessThan(1024)
    server.signal('SIGCONT')
    await expect.poll(() => cache.claim([randomUUID()]).catch(() => 'refused'), SOON).toBe(true)
    expect(redis.pending).toBe(0)
  })
})
