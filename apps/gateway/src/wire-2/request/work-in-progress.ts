import { hash, randomUUID } from 'node:crypto'
import { REPLAY_PREFIX } from '../../completion/replay/redis.js'
import { HttpError } from '../../http-error.js'
import type { RedisConnection } from '../../redis/connection.js'
import type { WaitBudget } from '../../redis/wait-budget.js'

/** Settings of {@link WorkInProgress}. */
export interface WorkInProgressOptions {
  /** Redis in which gateways share the keys. While it fails, each gateway knows its own. Default: none. */
  readonly redis?: RedisConnection | undefined
  /** Time after which the key of a gateway that has crashed is free, in milliseconds. Default 30 000. */
  readonly leaseMs?: number
}

/** Owner of work, and its key. */
export interface Work {
  /** Scope of the key: two callers may use the same one. */
  readonly caller: string
  /** Without a key, the work is done in any case. */
  readonly key: string | undefined
  /** Time that remains for Redis. */
  readonly wait?: WaitBudget
}

const DEFAULT_LEASE_MS = 30_000
const RENEWALS_PER_LEASE = 3
const RETRY_AFTER_S = 5

/** Changes the lifetime of a key of this gateway only: after a pause, another one may have it. */
const EXPIRE = {
  name: 'lease',
  lua: `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0`,
}

/** Idempotency keys of requests that are being answered. */
export class WorkInProgress {
  readonly #redis: RedisConnection | undefined
  readonly #leaseMs: number
  readonly #keys = new Set<string>()

  constructor({ redis, leaseMs = DEFAULT_LEASE_MS }: WorkInProgressOptions = {}) {
    this.#redis = redis
    this.#leaseMs = leaseMs
  }

  /**
   * Does work under an idempotency key, unless other work of the caller has it now.
   *
   * @throws HttpError 409
   */
  async during<T>({ caller, key, wait }: Work, work: () => Promise<T>): Promise<T> {
    if (key === undefined) return work()
    // Of one length, unlike the keys of callers.
    const digest = hash('sha256', JSON.stringify([caller, key]), 'base64')
    if (this.#keys.has(digest)) throw inProgress()
    this.#keys.add(digest)
    try {
      const release = await this.#lease(`${REPLAY_PREFIX}work:${digest}`, wait)
      try {
        return await work()
      } finally {
        release()
      }
    } finally {
      this.#keys.delete(digest)
    }
  }

  /** Claims a key among all gateways; returns the function that gives it up. */
  async #lease(key: string, wait: WaitBudget | undefined): Promise<() => void> {
    const redis = this.#redis
    if (redis === undefined) return () => undefined
    const owner = randomUUID()
    const isClaimed = await redis
      .run('replay', 'lease', (client) => client.set(key, owner, 'PX', this.#leaseMs, 'NX'), wait)
      .then(
        (reply) => reply === 'OK',
        // Replays are refused in any case; this only saves work that is asked for twice.
        () => undefined,
      )
    if (isClaimed === false) throw inProgress()
    const expireIn = (ms: number): void => {
      redis.eval('replay', EXPIRE, [key], [owner, ms]).catch(() => undefined)
    }
    const timer = setInterval(() => {
      expireIn(this.#leaseMs)
    }, this.#leaseMs / RENEWALS_PER_LEASE).unref()
    return () => {
      clearInterval(timer)
      if (isClaimed === true) expireIn(0)
    }
  }
}

const inProgress = (): HttpError =>
  new HttpError(
    409,
    'A request with this idempotency key is in progress: wait for its answer',
    RETRY_AFTER_S,
    'in_progress',
  )
