import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  isInstalled,
  shared,
  startRedis,
  stopAfterTest,
  temporaryFolder,
} from '@nomyo-internal/testing'
import { fresh, gatewayOn, SOON, testRedis } from './redis.js'
import { post, seal, statusOf } from './support.js'

describe.skipIf(!isInstalled('redis-server'))('gateways with a Redis', () => {
  const server = shared(startRedis)

  it('remember over a restart of a gateway, for --replay-window', async () => {
    const body = await seal()
    const one = await gatewayOn(server(), '--replay-window', '4s')
    const sentAt = performance.now()
    expect(await statusOf(post(one, body))).toBe(200)
    await one.stop()
    const two = await gatewayOn(server(), '--replay-window', '4s')
    const status = await statusOf(post(two, body))
    expect(performance.now() - sentAt).toBeLessThan(4000)
    expect(status).toBe(409)
    await expect.poll(() => statusOf(post(two, body)), SOON).toBe(200)
    expect(performance.now() - sentAt).toBeGreaterThan(3900)
  })

  it('count together', async () => {
    const key = ['--api-key', `key-${randomUUID()}`]
    const limit = [...key, '--rate-limit', '5/s', '--rate-burst', '5']
    const gateways = [await gatewayOn(server(), ...limit), await gatewayOn(server(), ...limit)]
    const headers = { authorization: `Bearer ${key[1]!}` }
    const bodies = await Promise.all(Array.from({ length: 40 }, () => seal()))
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

  it('and loads its data, or has lost its master, is used as soon as it can be', async () => {
    const folder = temporaryFolder()
    const dump = ['--dir', folder, '--dbfilename', 'dump.rdb']
    const first = await startRedis({
      isEmptied: false,
      args: [...dump, '--enable-debug-command', 'yes'],
    })
    await first.command('DEBUG', 'POPULATE', '5000')
    await first.command('SAVE')
    await first.stop()
    // Three seconds in all.
    const slow = ['--key-load-delay', '600', '--loading-process-events-interval-bytes', '1024']
    const redis = stopAfterTest(await startRedis({ isEmptied: false, args: [...dump, ...slow] }))
    const gateway = await gatewayOn(redis, '--rate-limit', '100/s', '--redis-failure', 'closed')
    expect(await fresh(gateway)).toBe(503)
    expect(gateway.log()).toContain('Redis fails for rate limits (LOADING)')
    await expect.poll(() => fresh(gateway), SOON).toBe(200)
    await redis.command('CONFIG', 'SET', 'replica-serve-stale-data', 'no')
    await redis.command('REPLICAOF', '127.0.0.1', '1')
    expect(await fresh(gateway)).toBe(503)
    expect(gateway.log()).toContain('Redis fails for rate limits (MASTERDOWN)')
    await redis.command('REPLICAOF', 'NO', 'ONE')
    await expect.poll(() => fresh(gateway), SOON).toBe(200)
    expect(gateway.log()).not.toContain('Redis is unavailable')
  })
})
