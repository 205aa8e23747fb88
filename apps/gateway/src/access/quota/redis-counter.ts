import type { RedisConnection } from '../../redis/connection.js'
import { hashTagged } from '../../redis/keys.js'
import type { WaitBudget } from '../../redis/wait-budget.js'
import {
  LocalQuotaCounter,
  increment,
  isAdmitted,
  type QuotaCounter,
  type QuotaUse,
} from './quota-counter.js'

/** Settings of a {@link RedisQuotaCounter}. */
export interface RedisQuotaCounterOptions {
  readonly redis: Pick<RedisConnection, 'eval'>
  /** Continues with the counts of this gateway while Redis is unavailable. Otherwise counting then fails. */
  readonly degrade: boolean
  /** Returns the time in milliseconds since 1970. Default: the clock of the system. */
  readonly now?: (() => number) | undefined
}

/** Time for which the counts of a window outlast it, for gateways whose clocks are behind. */
const KEEP_MS = 60 * 60_000

/** Runs atomically: concurrent requests at several gateways cannot pass together. Counts unless exhausted. */
export const ADMIT = {
  name: 'admit',
  lua: `
local used, admitted = {}, true
for i, key in ipairs(KEYS) do
  used[i] = tonumber(redis.call('GET', key) or '0')
  if used[i] >= tonumber(ARGV[3 * i - 2]) then admitted = false end
end
for i, key in ipairs(KEYS) do
  if admitted and ARGV[3 * i] ~= '0' then
    redis.call('INCRBY', key, ARGV[3 * i])
    redis.call('PEXPIRE', key, ARGV[3 * i - 1])
  end
end
return used`,
} as const

/** Counts an amount. */
export const ADD = {
  name: 'add',
  lua: `
local used = redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return used`,
} as const

/** Counts that several gateways share. */
export class RedisQuotaCounter implements QuotaCounter {
  readonly #redis: Pick<RedisConnection, 'eval'>
  readonly #degrade: boolean
  readonly #now: () => number
  /** Counts of this gateway beside what Redis last reported. */
  readonly #local = new LocalQuotaCounter()
  /** Amounts that Redis has not received. */
  readonly #unsent = new LocalQuotaCounter()

  constructor({ redis, degrade, now = Date.now }: RedisQuotaCounterOptions) {
    this.#redis = redis
    this.#degrade = degrade
    this.#now = now
  }

  async admit(uses: readonly QuotaUse[], wait?: WaitBudget): Promise<readonly number[]> {
    try {
      for (const use of uses) if (this.#unsent.used(use) > 0) await this.#send(use, 0, wait)
      const used = (await this.#redis.eval(
        'quota',
        ADMIT,
        uses.map(redisKey),
        uses.flatMap((use) => [use.limit, this.#ttlMs(use), increment(use)]),
        wait,
      )) as number[]
      const admitted = isAdmitted(uses, used)
      uses.forEach((use, at) => {
        this.#local.raise(use, (used[at] ?? 0) + (admitted ? increment(use) : 0))
      })
      return used
    } catch (error) {
      if (!this.#degrade) throw error
      const used = await this.#local.admit(uses)
      if (isAdmitted(uses, used)) {
        for (const use of uses) await this.#unsent.add(use, increment(use))
      }
      return used
    }
  }

  async add(use: QuotaUse, amount: number): Promise<number> {
    const local = await this.#local.add(use, amount)
    try {
      const used = await this.#send(use, amount)
      this.#local.raise(use, used)
      return used
    } catch {
      return local
    }
  }

  /** Sends an amount with what could not be sent before; one that fails is kept for the next time. */
  async #send(use: QuotaUse, amount: number, wait?: WaitBudget): Promise<number> {
    const total = amount + this.#unsent.used(use)
    await this.#unsent.add(use, amount - total)
    try {
      const args = [total, this.#ttlMs(use)]
      return (await this.#redis.eval('quota', ADD, [redisKey(use)], args, wait)) as number
    } catch (error) {
      await this.#unsent.add(use, total)
      throw error
    }
  }

  /** Relative to now: the clock of Redis may differ. */
  #ttlMs({ window }: QuotaUse): number {
    return Math.max(0, window.endMs - this.#now()) + KEEP_MS
  }
}

/** Returns the key of a count. The hash tag puts all counts of a caller into one slot of a cluster. */
export const redisKey = ({ key, unit, window }: QuotaUse): string =>
  hashTagged('nomyo:quota', key, unit, window.name)
