import type { Redis } from 'ioredis'
import { HttpError } from '../../http-error.js'
import type { ReplayCache } from './refuse.js'

/** Settings of a {@link RedisReplayCache}. */
export interface RedisReplayCacheOptions {
  readonly redis: Redis
  readonly windowMs: number
  /** Claimed first, and decides alone while Redis is unavailable. Without it, every claim then fails. */
  readonly fallback: ReplayCache | undefined
}

const PREFIX = 'nomyo:replay:'
const RETRY_AFTER_S = 5

/** Runs atomically: of two copies that reach two gateways at once, one is refused. */
const CLAIM = `
for _, id in ipairs(KEYS) do
  if redis.call('EXISTS', id) == 1 then return 0 end
end
for _, id in ipairs(KEYS) do redis.call('SET', id, '', 'PX', ARGV[1]) end
return 1`

/** Replay cache that several gateways share. */
export class RedisReplayCache implements ReplayCache {
  readonly #redis: Redis
  readonly #windowMs: number
  readonly #fallback: ReplayCache | undefined

  constructor({ redis, windowMs, fallback }: RedisReplayCacheOptions) {
    this.#redis = redis
    this.#windowMs = windowMs
    this.#fallback = fallback
  }

  async claim(ids: readonly string[]): Promise<boolean> {
    // Also while Redis works, so that its claims are known when it fails.
    if ((await this.#fallback?.claim(ids)) === false) return false
    const keys = ids.map((id) => PREFIX + id)
    try {
      return (await this.#redis.eval(CLAIM, keys.length, ...keys, this.#windowMs)) === 1
    } catch {
      if (this.#fallback !== undefined) return true
      throw new HttpError(
        503,
        'This gateway cannot tell at the moment whether this is a replay',
        RETRY_AFTER_S,
      )
    }
  }

  close(): Promise<void> {
    return this.#fallback?.close() ?? Promise.resolve()
  }
}
