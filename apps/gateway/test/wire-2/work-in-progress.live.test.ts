import { setTimeout } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { silentLogger } from '../../src/observability/log.js'
import { RedisConnection } from '../../src/redis/connection.js'
import { WorkInProgress } from '../../src/wire-2/request/work-in-progress.js'
import { testRedis } from '../redis.js'

const inProgress = expect.objectContaining({ statusCode: 409, code: 'in_progress' }) as Error

/** Work that lasts until it is ended. */
function held(): { work: () => Promise<string>; end: () => void } {
  let end = (): void => undefined
  const ended = new Promise<void>((resolve) => (end = resolve))
  return { work: async () => ended.then(() => 'done'), end }
}

it('an idempotency key is in use at every gateway of one Redis until its work ends', async () => {
  const redis = await testRedis()
  const open = async (): Promise<WorkInProgress> => {
    const connection = await RedisConnection.open(redis.url, { logger: silentLogger })
    onTestFinished(() => {
      connection.close()
    })
    return new WorkInProgress({ redis: connection, leaseMs: 600 })
  }
  const [one, other] = [await open(), await open()]
  const first = held()
  const work = { caller: 'alice', key: 'k' }
  const result = one.during(work, first.work)
  // Longer than a lease lasts without being renewed.
  for (let count = 0; count < 5; count++) {
    await setTimeout(200)
    await expect(other.during(work, () => Promise.resolve('twice'))).rejects.toEqual(inProgress)
  }
  await expect(one.during(work, () => Promise.resolve('twice'))).rejects.toEqual(inProgress)
  expect(await other.during({ ...work, caller: 'bob' }, () => Promise.resolve('bob'))).toBe('bob')
  expect(await other.during({ ...work, key: 'l' }, () => Promise.resolve('l'))).toBe('l')
  first.end()
  expect(await result).toBe('done')
  await expect
    .poll(() => other.during(work, () => Promise.resolve('next')).catch(() => 'refused'))
    .toBe('next')
  // A failure ends work too.
  await expect(one.during(work, () => Promise.reject(new Error('failed')))).rejects.toThrow(
    'failed',
  )
  await expect
    .poll(() => other.during(work, () => Promise.resolve('next')).catch(() => 'refused'))
    .toBe('next')
  await redis.stop()
  expect(await one.during(work, () => Promise.resolve('alone'))).toBe('alone')
})
