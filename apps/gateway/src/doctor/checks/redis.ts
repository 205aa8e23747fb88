import { ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import type { GatewayConfig } from '../../config/config.js'
import { DEFAULT_REDIS_FAILURE } from '../../redis/failure-mode.js'
import { requestKeyPlace } from '../../request-keys/open-request-keys.js'
import { describeTarget, parseRedisUrl, type RedisTarget } from '../../redis/url.js'
import type { Check } from '../check.js'
import {
  describeRedisFailure,
  describeSentinel,
  type RedisProblem,
} from '../redis/redis-failure.js'
import { RedisTrial } from '../redis/redis-trial.js'

/** Checks that Redis is reachable, executes what the gateway needs of it, and evicts nothing. */
export const redisCheck: Check = {
  name: 'Redis',
  run: async (config) => {
    const { redis } = config
    if (redis === undefined) return [ok('none: state is kept in this process')]
    const target = parseRedisUrl(redis.url)
    if (target === undefined) return [problem('the URL of Redis is not valid', 'check NOMYO_REDIS')]
    const trial = new RedisTrial(target)
    try {
      return await examine(trial, target, config)
    } catch (error) {
      return [failure(config, describeRedisFailure(target, trial.describe(error)))]
    } finally {
      trial.close()
    }
  },
}

async function examine(
  trial: RedisTrial,
  target: RedisTarget,
  config: GatewayConfig,
): Promise<readonly Finding[]> {
  const connectMs = await trial.connect()
  const usesCluster = target.kind === 'single' && (await trial.followCluster())
  const ping = Math.round((await trial.ping()) * 10) / 10
  const info = await trial.info()
  if (/^redis_mode:sentinel/m.test(info)) return [failure(config, describeSentinel(target))]
  const { missing } = await trial.runCommands(config.sharedKeys === true)
  const version = /^redis_version:(\S+)/m.exec(info)?.[1]
  const place = `${describeTarget(target)}${usesCluster ? ' (a node of a cluster, all of which is used)' : ''}`
  const message = `${place} answers within ${ping} ms${version ? `, version ${version}` : ''}`
  if (missing.length > 0) {
    const failed = { code: 'NOPERM', detail: `without the right to ${missing.join(', ')}` } as const
    return [failure(config, describeRedisFailure(target, failed)), checkEviction(info)]
  }
  return [ok(message, connectMs), checkEviction(info)]
}

function checkEviction(info: string): Finding {
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1]
  if (policy === 'noeviction') return ok('maxmemory-policy is noeviction')
  const remedy = 'set its maxmemory-policy to noeviction'
  if (!policy) return warning('its maxmemory-policy cannot be read', remedy)
  return problem(
    `maxmemory-policy is ${policy}: a replay passes once Redis has evicted its record`,
    remedy,
  )
}

/** A failure refuses requests, unless the gateway may degrade in every use. */
function failure(config: GatewayConfig, { message, remedy }: RedisProblem): Finding {
  const modes = Object.values(config.redis?.failure ?? DEFAULT_REDIS_FAILURE)
  const keepsKeys = config.sharedKeys === true || requestKeyPlace(config) === 'redis'
  const isClosed = modes.includes('closed') || keepsKeys
  return isClosed ? problem(`${message}: requests get a 503`, remedy) : warning(message, remedy)
}
