import { RateLimiterRedis } from 'rate-limiter-flexible'
import { BoundedCounter } from '../access/rate/bounded-counter.js'
import type { CountOptions, CreateCounter } from '../access/rate/rate-limiter.js'
import type { RedisConnection } from './connection.js'
import type { OnFailure } from './failure-mode.js'

/** Adds points to a counter that starts with the first of them, or blocks it for a time. */
export const COUNT = {
  name: 'count',
  lua: `
local points, ms = ARGV[1], ARGV[2]
if ARGV[3] == 'block' then
  redis.call('SET', KEYS[1], points, 'PX', ms)
  return {tonumber(points), tonumber(ms)}
end
redis.call('SET', KEYS[1], 0, 'PX', ms, 'NX')
local counted = redis.call('INCRBY', KEYS[1], points)
return {counted, redis.call('PTTL', KEYS[1])}`,
} as const

/** Reads a counter. */
export const READ = {
  name: 'read',
  lua: `
local counted = redis.call('GET', KEYS[1])
if not counted then return false end
return {tonumber(counted), redis.call('PTTL', KEYS[1])}`,
} as const

/** Returns what creates the counters that gateways share, with one key each. */
export const countersIn =
  (redis: RedisConnection, onFailure: OnFailure): CreateCounter =>
  (options) => {
    const fallback =
      onFailure === 'degrade' ? { insuranceLimiter: new BoundedCounter(options) } : {}
    return new RedisCounter({ ...options, ...fallback, storeClient: redis })
  }

/** Counter of rate-limiter-flexible over a {@link RedisConnection}, which bounds every wait. */
class RedisCounter extends RateLimiterRedis {
  declare readonly client: RedisConnection

  _upsert(
    key: string,
    points: number,
    ms: number,
    isBlock = false,
    options?: CountOptions,
  ): Promise<unknown> {
    const args = [points, ms, isBlock ? 'block' : 'count']
    return this.client.eval('rate', COUNT, [key], args, options?.attrs.wait)
  }

  _get(key: string, options?: CountOptions): Promise<unknown> {
    return this.client.eval('rate', READ, [key], [], options?.attrs.wait)
  }
}
