import {
  BurstyRateLimiter,
  RateLimiterMemory,
  RateLimiterRes,
  type RateLimiterAbstract,
} from 'rate-limiter-flexible'
import { HttpError } from '../http-error.js'
import type { RateLimit } from './rate-limit.js'

/** Counts to a number of points in a time, in seconds, and then refuses for that time or longer. */
export interface CounterOptions {
  readonly keyPrefix: string
  readonly points: number
  readonly duration: number
  readonly blockDuration?: number
}

/** Makes what counts: in this process, or elsewhere. */
export type CreateCounter = (options: CounterOptions) => RateLimiterAbstract

/** How to limit. */
export interface RateLimiterOptions {
  /** For callers without a limit of their own; undefined lets them do as they like. */
  readonly limit: RateLimit | undefined
  /** How long those are refused who do not stop. Default 30 minutes. */
  readonly coolDownMs?: number | undefined
  readonly createCounter?: CreateCounter
}

const BURST_PERIOD_S = 10
const ABUSE_PERIOD_S = 60
const RETRY_AFTER_S = 5
const DEFAULT_COOL_DOWN_MS = 30 * 60_000

/** The counters of one limit. */
interface Counters {
  readonly requests: BurstyRateLimiter
  /** Refusals. Who is refused for a minute as often as others may ask has not heard them. */
  readonly refusals: RateLimiterAbstract
}

/** Holds callers to so many requests a second, and sends away for a while who does not stop. */
export class RateLimiter {
  readonly #limit: RateLimit | undefined
  readonly #coolDownMs: number
  readonly #createCounter: CreateCounter
  /** By limit: the limits of keys are few. */
  readonly #counters = new Map<string, Counters>()

  constructor({ limit, coolDownMs, createCounter }: RateLimiterOptions) {
    this.#limit = limit
    this.#coolDownMs = coolDownMs ?? DEFAULT_COOL_DOWN_MS
    this.#createCounter = createCounter ?? ((options) => new RateLimiterMemory(options))
  }

  /**
   * Counts a request of a caller, who may have a limit of its own.
   *
   * @throws HttpError 429 when it is one too many, 503 during a cool-down or when it cannot be counted
   */
  async admit(caller: string, limit: RateLimit | undefined = this.#limit): Promise<void> {
    if (limit === undefined) return
    try {
      await this.#count(caller, limit)
    } catch (error) {
      throw error instanceof HttpError ? error : cannotTell()
    }
  }

  async #count(caller: string, limit: RateLimit): Promise<void> {
    const { requests, refusals } = this.#countersOf(limit)
    const refused = await refusals.get(caller)
    if (refused !== null && refused.consumedPoints > refusals.points) throw sentAway(refused)
    const tooMany = await rejectionOf(requests.consume(caller))
    if (tooMany === undefined) return
    const abuse = await rejectionOf(refusals.consume(caller))
    throw abuse === undefined
      ? new HttpError(429, 'Too many requests', seconds(tooMany))
      : sentAway(abuse)
  }

  #countersOf({ perSecond, burst }: RateLimit): Counters {
    const name = `${perSecond}:${burst}`
    const known = this.#counters.get(name)
    if (known !== undefined) return known
    const counter = (what: string, options: Omit<CounterOptions, 'keyPrefix'>) =>
      this.#createCounter({ keyPrefix: `nomyo:${what}:${name}`, ...options })
    const counters = {
      requests: new BurstyRateLimiter(
        counter('rate', { points: perSecond, duration: 1 }),
        counter('burst', { points: burst - perSecond, duration: BURST_PERIOD_S }),
      ),
      refusals: counter('refusals', {
        points: perSecond * ABUSE_PERIOD_S,
        duration: ABUSE_PERIOD_S,
        blockDuration: Math.ceil(this.#coolDownMs / 1000),
      }),
    }
    this.#counters.set(name, counters)
    return counters
  }
}

/** What a counter says when it refuses; a counter that fails is another matter. */
async function rejectionOf(counted: Promise<unknown>): Promise<RateLimiterRes | undefined> {
  try {
    await counted
    return undefined
  } catch (rejection) {
    if (rejection instanceof RateLimiterRes) return rejection
    throw rejection
  }
}

const cannotTell = (): HttpError =>
  new HttpError(503, 'This gateway cannot count requests at the moment', RETRY_AFTER_S)

const sentAway = (refused: RateLimiterRes): HttpError =>
  new HttpError(503, 'Too many requests for too long: wait before the next', seconds(refused))

const seconds = ({ msBeforeNext }: RateLimiterRes): number =>
  Math.max(1, Math.ceil(msBeforeNext / 1000))
