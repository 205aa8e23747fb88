import type { Redis } from 'ioredis'
import { HttpError } from '../../http-error.js'
import type { ReplayMemory } from './replay-memory.js'

/** How to remember. */
export interface RedisReplayMemoryOptions {
  readonly redis: Redis
  readonly windowMs: number
  /** What is asked too, and alone as long as Redis is gone. Without it, nothing passes then. */
  readonly fallback: ReplayMemory | undefined
}

const PREFIX = 'nomyo:replay:'
const RETRY_AFTER_S = 5

/** Redis runs a script as one step: copies that reach two gateways at once cannot both pass. */
const CLAIM = `
for _, id in ipairs(KEYS) do
  if redis.call('EXISTS', id) == 1 then return 0 end
end
for _, id in ipairs(KEYS) do redis.call('SET', id, '', 'PX', ARGV[1]) end
return 1`

/** A memory that gateways share. */
export class RedisReplayMemory implements ReplayMemory {
  readonly #redis: Redis
  readonly #windowMs: number
  readonly #fallback: ReplayMemory | undefined

  constructor({ redis, windowMs, fallback }: RedisReplayMemoryOptions) {
    this.#redis = redis
    this.#windowMs = windowMs
    this.#fallback = fallback
  }

  async claim(ids: readonly string[]): Promise<boolean> {
    // Also while Redis is there, so that what it took is known when it goes.
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
