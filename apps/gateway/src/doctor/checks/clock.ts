import { ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { silentLogger } from '../../observability/log.js'
import { parseRedisUrl } from '../../redis/url.js'
import { withStores } from '../../server-keys/open-stores.js'
import type { GatewayConfig } from '../../config/config.js'
import type { Check } from '../check.js'
import { RedisTrial } from '../redis/redis-trial.js'

/** Clients accept statements and gateways accept requests of a clock that is this far off. */
const ACCEPTED_MS = 5 * 60_000
/** Gateways that share keys. */
const ACCEPTED_BETWEEN_GATEWAYS_MS = 5000
const REMEDY = 'set the clock, and keep it synchronized with NTP'

/** Compares the clock with that of Redis, and with the times of the key files. */
export const clockCheck: Check = {
  name: 'clock',
  run: async (config) => {
    const age = await youngestKeyMs(config)
    if (age !== undefined && age < -ACCEPTED_MS) {
      return [problem('the clock is slow: the creation time of a key is in the future', REMEDY)]
    }
    const offset = await offsetOfRedis(config)
    return [
      offset === undefined
        ? ok('wire 2 tolerates 5 minutes of error; there is no other clock to compare with')
        : describeOffset(offset),
    ]
  },
}

function describeOffset(offsetMs: number): Finding {
  const distance = Math.abs(offsetMs)
  const message = `it differs from the clock of Redis by ${(distance / 1000).toFixed(1)} s`
  if (distance >= ACCEPTED_MS) return problem(message, REMEDY)
  return distance >= ACCEPTED_BETWEEN_GATEWAYS_MS ? warning(message, REMEDY) : ok(message)
}

/** Returns the age of the youngest key; undefined where there is none, or it cannot be told. */
async function youngestKeyMs(config: GatewayConfig): Promise<number | undefined> {
  if (config.keyDir === undefined && config.sharedKeys !== true) return undefined
  // Other checks report stores that cannot be read.
  const stored = await withStores(config, silentLogger, async ({ serverKeys, identities }) => [
    ...(await serverKeys.list()),
    ...(await identities.list()),
  ]).catch(() => [])
  const times = stored.map(({ createdAtMs }) => createdAtMs)
  return times.length === 0 ? undefined : Date.now() - Math.max(...times)
}

/** Returns how far this clock is ahead of that of Redis; undefined without one, or the right to ask it. */
async function offsetOfRedis({ redis }: GatewayConfig): Promise<number | undefined> {
  const target = redis && parseRedisUrl(redis.url)
  if (target === undefined) return undefined
  const trial = new RedisTrial(target)
  try {
    await trial.connect()
    return await trial.clockOffsetMs()
  } catch {
    return undefined
  } finally {
    trial.close()
  }
}
