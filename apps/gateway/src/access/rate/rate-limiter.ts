import { BurstyRateLimiter, RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible'
import type { GatewayConfig } from '../../config/config.js'
import { HttpError } from '../../http-error.js'
import { WaitBudget } from '../../redis/wait-budget.js'
import { BoundedCounter, type CounterOptions } from './bounded-counter.js'
import type { RateLimit } from './rate-limit.js'

/** Options of a single count, which rate-limiter-flexible passes to the store. */
export interface CountOptions {
  attrs: { readonly wait: WaitBudget }
}

/** Creates a counter in this process or in a shared store. */
export type CreateCounter = (options: CounterOptions) => RateLimiterAbstract

/** Limits of all callers. */
export interface RateLimiterOptions {
  /** For callers without a limit of their own. Default: no limit. */
  readonly limit: RateLimit | undefined
  /**
   * Time for which a caller is refused that ignores its refusals, in milliseconds; 0 for none. Default: a
   * minute.
   */
  readonly coolDownMs?: number | undefined
  readonly createCounter?: CreateCounter
}

/** Returns the limits of callers without their own in a configuration. */
export const defaultLimits = ({
  rateLimit,
  rateCoolDownMs,
}: Pick<GatewayConfig, 'rateLimit' | 'rateCoolDownMs'>): RateLimiterOptions => ({
  limit: rateLimit,
  coolDownMs: rateLimit?.coolDownMs ?? rateCoolDownMs,
})

const BURST_PERIOD_S = 10
const ABUSE_PERIOD_S = 60
const RETRY_AFTER_S = 5
const DEFAULT_COOL_DOWN_MS = 60_000

/** Counters of one limit. */
interface Counters {
  readonly requests: BurstyRateLimiter
  /**
   * Refusals of a caller. As many in a minute as the limit allows requests start a cool-down. Undefined
   * without a cool-down.
   */
  readonly refusals: RateLimiterAbstract | undefined
}

/** Request limit per caller, with a cool-down for callers that ignore it. */
export class RateLimiter {
  #limit: RateLimit | undefined
  #coolDownMs: number
  readonly #createCounter: CreateCounter
  /** By limit: keys have few different ones. */
  readonly #counters = new Map<string, Counters>()

  constructor({ limit, coolDownMs, createCounter }: RateLimiterOptions) {
    this.#limit = limit
    this.#coolDownMs = coolDownMs ?? DEFAULT_COOL_DOWN_MS
    this.#createCounter = createCounter ?? ((options) => new BoundedCounter(options))
  }

  /** Replaces the limit for callers without one of their own, and the cool-down of all. */
  setDefault({
    limit,
    coolDownMs = DEFAULT_COOL_DOWN_MS,
  }: Omit<RateLimiterOptions, 'createCounter'>): void {
    this.#limit = limit
    if (coolDownMs === this.#coolDownMs) return
    this.#coolDownMs = coolDownMs
    // Counters have their cool-down from their creation.
    this.#counters.clear()
  }

  /**
   * Counts a request of a caller, which may have a limit of its own.
   *
   * @param wait - what remains of the time that the request waits for a shared store
   * @throws HttpError 429 above the limit and during a cool-down, 503 when counting fails
   */
  async admit(
    caller: string,
    limit: RateLimit | undefined = this.#limit,
    wait = new WaitBudget(),
  ): Promise<void> {
    if (limit === undefined) return
    try {
      await this.#count(caller, limit, { attrs: { wait } })
    } catch (error) {
      if (error instanceof HttpError) throw error
      throw new HttpError(
        503,
        'This gateway cannot count requests at the moment',
        RETRY_AFTER_S,
        'state_unavailable',
      )
    }
  }

  async #count(caller: string, limit: RateLimit, options: CountOptions): Promise<void> {
    const { requests, refusals } = this.#countersOf(limit)
    const refused = (await refusals?.get(caller, options)) ?? undefined
    if (refused !== undefined && refused.consumedPoints > (refusals?.points ?? Infinity)) {
      throw coolingDown(refused)
    }
    const exceeded = await rejectionOf(requests.consume(caller, 1, options))
    if (exceeded === undefined) return
    const abuse = refusals && (await rejectionOf(refusals.consume(caller, 1, options)))
    throw abuse === undefined
      ? new HttpError(429, 'Too many requests', seconds(exceeded))
      : coolingDown(abuse)
  }

  #countersOf({ perSecond, burst }: RateLimit): Counters {
    const name = `${perSecond}:${burst}`
    const known = this.#counters.get(name)
    if (known !== undefined) return known
    const counter = (prefix: string, options: Omit<CounterOptions, 'keyPrefix'>) =>
      this.#createCounter({ keyPrefix: `nomyo:${prefix}:${name}`, ...options })
    const counters = {
      requests: new BurstyRateLimiter(
        counter('rate', { points: perSecond, duration: 1 }),
        counter('burst', { points: burst - perSecond, duration: BURST_PERIOD_S }),
      ),
      refusals:
        this.#coolDownMs === 0
          ? undefined
          : counter('refusals', {
              points: perSecond * ABUSE_PERIOD_S,
              duration: ABUSE_PERIOD_S,
              blockDuration: Math.ceil(this.#coolDownMs / 1000),
            }),
    }
    this.#counters.set(name, counters)
    return counters
  }
}

/** Returns the refusal of a counter, if any; rethrows every other failure. */
async function rejectionOf(counted: Promise<unknown>): Promise<RateLimiterRes | undefined> {
  try {
    await counted
    return undefined
  } catch (rejection) {
    if (rejection instanceof RateLimiterRes) return rejection
    throw rejection
  }
}

const coolingDown = (refused: RateLimiterRes): HttpError =>
  new HttpError(
    429,
    'Too many requests for too long: wait before the next',
    seconds(refused),
    'cooling_down',
  )

const seconds = ({ msBeforeNext }: RateLimiterRes): number =>
  Math.max(1, Math.ceil(msBeforeNext / 1000))
