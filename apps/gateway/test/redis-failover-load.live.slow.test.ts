import {
  isInstalled,
  startRedisCluster,
  startSentinel,
  stopAfterTest,
} from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { startLoad } from './redis-load.js'
import { gatewayOn, pair, replicated, SOON } from './redis.js'

/** Before it ends, a master may have answered what no replica has received. */
const LOST_WITHIN_MS = 1000

/**
 * Runs callers at two gateways during a failure of Redis. Every request is answered or refused, and no
 * replay is answered, except of what a master answered just before it was lost.
 */
async function failUnderLoad(redis: { readonly url: string }, fail: () => void): Promise<void> {
  const gateways = [await gatewayOn(redis), await gatewayOn(redis)]
  const load = startLoad(gateways)
  await expect.poll(() => load.answered, SOON).toBeGreaterThan(100)
  const failedAtMs = performance.now()
  fail()
  // Few where only some keys are the master's, and each request for them waits.
  await expect.poll(() => load.counts.get(503) ?? 0, SOON).toBeGreaterThan(2)
  const before = load.answered
  await expect.poll(() => load.answered, SOON).toBeGreaterThan(before + 100)
  await load.stop()
  expect([...load.counts.keys()].sort()).toEqual([200, 503])
  const twice = await load.answeredTwice()
  const lost = twice.filter(({ answeredAtMs }) => {
    const ageMs = failedAtMs - answeredAtMs
    return ageMs > -100 && ageMs < LOST_WITHIN_MS
  })
  console.log(
    `failover: ${load.counts.get(200)} answered, ${load.counts.get(503)} refused, ` +
      `${lost.length} claims of the last second lost`,
  )
  expect(twice).toHaveLength(lost.length)
  for (const { statuses } of lost)
    expect(statuses.filter((status) => status === 200)).toHaveLength(2)
}

describe.skipIf(!isInstalled('redis-server'))('under load, no request is lost', () => {
  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'when a master with Sentinel gets %s',
    async (signal) => {
      const [master] = await pair()
      const sentinel = stopAfterTest(await startSentinel(master))
      await failUnderLoad(sentinel, () => master.signal(signal))
      master.signal('SIGCONT')
    },
  )

  it.each(['SIGKILL', 'SIGSTOP'] as const)('when a master of a cluster gets %s', async (signal) => {
    const cluster = stopAfterTest(await startRedisCluster())
    await replicated(cluster.nodes.slice(0, 3), cluster.nodes.slice(3))
    await failUnderLoad(cluster, () => cluster.nodes[0]!.signal(signal))
    cluster.nodes[0]!.signal('SIGCONT')
  })
})
