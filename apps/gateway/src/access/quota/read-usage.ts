import type { RedisConnection } from '../../redis/connection.js'
import { redisKey } from './redis-counter.js'
import type { QuotaUse } from './quota-counter.js'

/** Counts that are asked for at the same time: fewer than a connection lets wait. */
const BATCH = 256

/**
 * Reads what gateways have counted in Redis; changes nothing.
 *
 * @returns the used amounts, in the order of the quotas
 * @throws RedisError with the cause
 */
export async function readUsage(
  redis: RedisConnection,
  uses: readonly QuotaUse[],
): Promise<readonly number[]> {
  const used: number[] = []
  for (let at = 0; at < uses.length; at += BATCH) {
    const batch = uses.slice(at, at + BATCH).map(async (use) => {
      const count = await redis.run('quota', 'read', (client) => client.get(redisKey(use)))
      return Number(count ?? 0)
    })
    used.push(...(await Promise.all(batch)))
  }
  return used
}
