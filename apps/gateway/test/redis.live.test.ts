import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { redisFound, startRedis, type RedisServer } from './redis/redis-server.js'
import {
  chat,
  makeKeyDir,
  post,
  refusalOf,
  runGateway,
  seal,
  startUpstream,
  testGateway,
  type Answer,
  type GatewayProcess,
} from './support.js'

const SOON = { timeout: 20_000, interval: 250 }

const sealed = (): Promise<Uint8Array> => seal(chat('Hello!'))
const statusOf = async (answer: Promise<Answer>): Promise<number> => (await answer).status
const fresh = async (gateway: GatewayProcess): Promise<number> =>
  statusOf(post(gateway, await sealed()))

const gatewayOn = (redis: RedisServer, ...args: string[]): Promise<GatewayProcess> =>
  testGateway({ args: ['--engine', 'demo', '--redis', redis.url, ...args] })

async function testRedis(): Promise<RedisServer> {
  const redis = await startRedis()
  onTestFinished(() => redis.kill())
  return redis
}

describe.skipIf(!redisFound)('two gateways with one Redis', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.kill())

  it('refuse what the other has taken: the envelope, and the payload id', async () => {
    const [one, two] = [await gatewayOn(redis), await gatewayOn(redis)]
    const body = await sealed()
    const headers = { 'x-payload-id': randomUUID() }
    expect(await statusOf(post(one, body, headers))).toBe(200)
    expect(await statusOf(post(two, body))).toBe(409)
    expect(await statusOf(post(two, await sealed(), headers))).toBe(409)
    expect(await fresh(two)).toBe(200)
  })

  it('let one copy pass of many that come to both at the same time', async () => {
    const upstream = await startUpstream()
    onTestFinished(upstream.close)
    const start = (): Promise<GatewayProcess> =>
      testGateway({ args: ['--upstream', upstream.url, '--redis', redis.url] })
    const gateways = [await start(), await start()]
    for (let round = 0; round < 5; round++) {
      const body = await sealed()
      const copies = Array.from({ length: 10 }, (_, copy) =>
        statusOf(post(gateways[copy % 2]!, body)),
      )
      expect((await Promise.all(copies)).filter((status) => status !== 409)).toEqual([200])
    }
    expect(upstream.seen).toHaveLength(5)
  })

  it('remember over a restart of a gateway, for --replay-window', async () => {
    const body = await sealed()
    const one = await gatewayOn(redis, '--replay-window', '4s')
    const sentAt = performance.now()
    expect(await statusOf(post(one, body))).toBe(200)
    await one.stop()
    const two = await gatewayOn(redis, '--replay-window', '4s')
    const status = await statusOf(post(two, body))
    expect(performance.now() - sentAt).toBeLessThan(4000)
    expect(status).toBe(409)
    await expect.poll(() => statusOf(post(two, body)), SOON).toBe(200)
    expect(performance.now() - sentAt).toBeGreaterThan(3900)
  })

  it('count together', async () => {
    const key = ['--api-key', `key-${randomUUID()}`]
    const limit = [...key, '--rate-limit', '5/s', '--rate-burst', '5']
    const gateways = [await gatewayOn(redis, ...limit), await gatewayOn(redis, ...limit)]
    const headers = { authorization: `Bearer ${key[1]!}` }
    const bodies = await Promise.all(Array.from({ length: 40 }, sealed))
    const start = performance.now()
    const answers = await Promise.all(
      bodies.map((body, at) => post(gateways[at % 2]!, body, headers)),
    )
    const windows = Math.ceil((performance.now() - start) / 1000) + 1
    const passed = answers.filter(({ status }) => status === 200).length
    expect(passed).toBeGreaterThanOrEqual(5)
    // By themselves they would let pass twice as many.
    expect(passed).toBeLessThanOrEqual(5 * windows)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(40 - passed)
  })
})

describe.skipIf(!redisFound)('a Redis that goes away', () => {
  it('takes the answers with it, and brings them back', async () => {
    const redis = await testRedis()
    const gateway = await gatewayOn(redis)
    expect(await fresh(gateway)).toBe(200)
    await redis.kill()
    const body = await sealed()
    const refused = await post(gateway, body)
    expect(refused.status).toBe(503)
    refusalOf(refused)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200)
    await redis.start()
    await expect.poll(() => fresh(gateway), SOON).toBe(200)
    expect(gateway.stderr().match(/Redis is unavailable/g)).toHaveLength(1)
    expect(gateway.stderr()).toContain('Redis is available again')
  })

  it('and hangs is not waited for long', async () => {
    const redis = await testRedis()
    const gateway = await gatewayOn(redis)
    redis.signal('SIGSTOP')
    const start = performance.now()
    expect(await fresh(gateway)).toBe(503)
    expect(performance.now() - start).toBeLessThan(5000)
    redis.signal('SIGCONT')
    await expect.poll(() => fresh(gateway), SOON).toBe(200)
  })

  it('leaves a gateway that may degrade with what it knows by itself, also of before', async () => {
    const redis = await testRedis()
    const gateway = await gatewayOn(redis, '--redis-failure', 'replay=degrade')
    const [before, during] = [await sealed(), await sealed()]
    expect(await statusOf(post(gateway, before))).toBe(200)
    await redis.kill()
    expect(await statusOf(post(gateway, during))).toBe(200)
    expect(await statusOf(post(gateway, before))).toBe(409)
    expect(await statusOf(post(gateway, during))).toBe(409)
    await redis.start()
    await expect.poll(() => gateway.stderr(), SOON).toContain('Redis is available again')
    expect(await statusOf(post(gateway, during))).toBe(409)
  })

  it('leaves the rate limit to each gateway, or refuses', async () => {
    const redis = await testRedis()
    const limit = ['--rate-limit', '1/s', '--rate-burst', '1']
    const degrading = await gatewayOn(redis, ...limit, '--redis-failure', 'degrade')
    const closed = await gatewayOn(redis, ...limit, '--redis-failure', 'replay=degrade,rate=closed')
    await redis.kill()
    const statuses = await Promise.all(Array.from({ length: 8 }, () => fresh(degrading)))
    expect(statuses).toContain(200)
    expect(statuses).toContain(429)
    expect(new Set(statuses).size).toBe(2)
    expect(await fresh(closed)).toBe(503)
    await redis.start()
    await expect.poll(() => fresh(closed), SOON).toBe(200)
  })

  it('or is not there yet keeps no gateway from starting', async () => {
    const redis = await testRedis()
    await redis.kill()
    const gateway = await gatewayOn(redis)
    expect(await fresh(gateway)).toBe(503)
    await redis.start()
    await expect.poll(() => fresh(gateway), SOON).toBe(200)
  })
})

it('the password of Redis is written nowhere', async () => {
  const keyDir = await makeKeyDir({ 'private_key.pem': 'server' })
  onTestFinished(() => rm(keyDir, { recursive: true }))
  const args = ['--engine', 'demo', '--port', '0', '--key-dir', keyDir, '--log-level', 'debug']
  const run = runGateway(args, { NOMYO_REDIS: 'redis://user:canary-password@127.0.0.1:1' })
  onTestFinished(() => run.kill('SIGKILL'))
  await expect.poll(() => run.stdout(), SOON).toContain('listening')
  const url = /listening on (\S+)/.exec(run.stdout())?.[1] ?? ''
  const pem = await (await fetch(`${url}/pki/public_key`)).text()
  expect(pem).toContain('PUBLIC KEY')
  run.kill('SIGTERM')
  const { stdout, stderr } = await run.ended
  expect(stderr).toContain('Redis is unavailable')
  expect(stdout + stderr).not.toContain('canary')
})
