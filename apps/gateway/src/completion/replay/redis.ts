import { HttpError } from '../../http-error.js'
import type { RedisClient } from '../../redis/client.js'
import type { RedisConnection } from '../../redis/connection.js'
import type { WaitBudget } from '../../redis/wait-budget.js'
import type { ReplayCache } from './refuse.js'

/** Settings of a {@link RedisReplayCache}. */
export interface RedisReplayCacheOptions {
  readonly redis: RedisConnection
  readonly windowMs: number
  /** Claimed first, and decides alone while Redis is unavailable. Without it, every claim then fails. */
  readonly fallback: ReplayCache | undefined
  /** Remembers claims of this gateway, for {@link ReplayCache.isKnown}. Default: the fallback. */
  readonly known?: ReplayCache | undefined
}

/** Of the keys of claims. */
export const REPLAY_PREFIX = 'nomyo:replay:'
const RETRY_AFTER_S = 5

/** Replay cache that several gateways share. */
export class RedisReplayCache implements ReplayCache {
  readonly #redis: RedisConnection
  readonly #windowMs: number
  readonly #fallback: ReplayCache | undefined
  readonly #known: ReplayCache | undefined

  constructor({ redis, windowMs, fallback, known = fallback }: RedisReplayCacheOptions) {
    this.#redis = redis
    this.#windowMs = windowMs
    this.#fallback = fallback
    this.#known = known
  }

  async claim(ids: readonly string[], wait?: WaitBudget): Promise<boolean> {
    // Also while Redis works, so that its claims are known when it fails.
    if ((await this.#fallback?.claim(ids)) === false) return false
    // A full one remembers no more.
    if (this.#known !== this.#fallback) await this.#known?.claim(ids).catch(() => undefined)
    try {
      // One key a command, since those of a cluster are at different nodes. One after the other: of
      // two copies at two gateways, only that which has the first id goes on to the next.
      for (const id of ids) if (!(await this.#claim(REPLAY_PREFIX + id, wait))) return false
      return true
    } catch {
      if (this.#fallback !== undefined) return true
      throw new HttpError(
        503,
        'This gateway cannot check for replays at the moment',
        RETRY_AFTER_S,
        'state_unavailable',
      )
    }
  }

  #claim(key: string, wait: WaitBudget | undefined): Promise<boolean> {
    const command = (client: RedisClient) => claimKey(client, key, this.#windowMs)
    return this.#redis.run('replay', 'claim', command, wait)
  }

  isKnown(id: string): boolean {
    return this.#known?.isKnown(id) === true
  }

  async close(): Promise<void> {
    await this.#fallback?.close()
    await this.#known?.close()
  }
}

/** Creates a key that lasts for a time, unless it exists; returns whether it was created. */
export async function claimKey(client: RedisClient, key: string, ms: number): Promise<boolean> {
  return (await client.set(key, '', 'PX', ms, 'NX')) === 'OK'
}
