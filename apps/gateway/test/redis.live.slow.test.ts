import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { isInstalled, shared, startRedis } from '@nomyo-internal/testing'
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
})
