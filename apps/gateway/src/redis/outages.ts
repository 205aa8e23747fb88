import type { Logger } from '../observability/log.js'
import type { RedisErrorCode } from './error-code.js'

/** Purposes for which a gateway uses Redis. */
export type RedisUse = 'replay' | 'rate' | 'quota' | 'keys'

/** Receiver of every success and failure, for metrics. */
export interface RedisObserver {
  failed(use: RedisUse, code: RedisErrorCode): void
  /** A use works without Redis, or refuses, from now on; or uses Redis again. */
  degraded(use: RedisUse, degraded: boolean): void
}

/** Consequence of a failure for each use, as the log states it. Uses without one are not logged. */
export type Consequences = Readonly<Partial<Record<RedisUse, string>>>

/** A use counts as recovered after this long without a failure: half a cluster may work. */
const RECOVERED_AFTER_MS = 2000

interface Outage {
  /** Operations whose latest attempt failed: a read may work while every write fails. */
  readonly failing: Set<string>
  readonly reported: Set<RedisErrorCode>
  lastFailureAt: number
}

/** Failures by use: each code is logged once per outage, and so is the recovery. */
export class Outages {
  readonly #logger: Logger
  readonly #observer: RedisObserver
  readonly #consequences: Consequences
  readonly #now: () => number
  readonly #outages = new Map<RedisUse, Outage>()

  constructor(
    logger: Logger,
    observer: RedisObserver,
    consequences: Consequences,
    now: () => number = () => performance.now(),
  ) {
    this.#logger = logger
    this.#observer = observer
    this.#consequences = consequences
    this.#now = now
  }

  failed(use: RedisUse, operation: string, code: RedisErrorCode): void {
    this.#observer.failed(use, code)
    let outage = this.#outages.get(use)
    if (outage === undefined) {
      outage = { failing: new Set(), reported: new Set(), lastFailureAt: 0 }
      this.#outages.set(use, outage)
      this.#observer.degraded(use, true)
    }
    outage.failing.add(operation)
    outage.lastFailureAt = this.#now()
    if (outage.reported.has(code)) return
    outage.reported.add(code)
    const consequence = this.#consequences[use]
    if (consequence !== undefined) {
      this.#logger.warn(`Redis fails for ${NAMES[use]} (${code}): ${consequence}`)
    }
  }

  succeeded(use: RedisUse, operation: string): void {
    const outage = this.#outages.get(use)
    if (outage === undefined) return
    outage.failing.delete(operation)
    if (outage.failing.size > 0 || this.#now() - outage.lastFailureAt < RECOVERED_AFTER_MS) return
    this.#outages.delete(use)
    this.#observer.degraded(use, false)
    if (this.#consequences[use] !== undefined) {
      this.#logger.info(`Redis works again for ${NAMES[use]}`)
    }
  }
}

const NAMES: Readonly<Record<RedisUse, string>> = {
  replay: 'replay protection',
  rate: 'rate limits',
  quota: 'quotas',
  keys: 'server keys',
}
