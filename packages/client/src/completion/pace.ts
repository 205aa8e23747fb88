import { ServiceUnavailableError, delay } from '@nomyo/transport'
import type { Log } from '../config/log.js'

/** The pace of requests. */
export interface PaceOptions {
  /** Requests a second, evenly spaced. */
  readonly perSecond: number
  /** Requests within one second, once in ten seconds. Default: `perSecond`, for no bursts. */
  readonly burst?: number | undefined
}

const BURST_EVERY_MS = 10_000
const FIRST_HOLD_MS = 10_000
/** The longest time for which the hosted service suspends a caller. */
const LONGEST_HOLD_MS = 30 * 60_000
/** A longer hold is not waited for: the caller receives it as `retryAfterMs`. */
const LONGEST_WAIT_MS = 60_000

/** Spaces requests, and holds them back after a server refused one without a reason to wait. */
export class Pace {
  readonly #intervalMs: number
  readonly #log: Log
  /** The time of the next evenly spaced request. */
  #nextMs = 0
  /** The times from which a request may come in between. */
  readonly #extraMs: number[]
  #holdMs = 0
  #heldUntilMs = 0

  constructor({ perSecond, burst = perSecond }: PaceOptions, log: Log) {
    this.#intervalMs = 1000 / perSecond
    this.#extraMs = Array<number>(Math.max(burst - perSecond, 0)).fill(0)
    this.#log = log
  }

  /**
   * Waits for the turn of a request.
   *
   * @throws ServiceUnavailableError `ERR_UNAVAILABLE` while requests are held back for over a minute
   */
  async wait(signal: AbortSignal): Promise<void> {
    // Again, where a refusal has held back the requests that waited.
    for (let now; (now = performance.now()) < this.#heldUntilMs;) {
      const held = Math.ceil(this.#heldUntilMs - now)
      if (held > LONGEST_WAIT_MS) {
        throw new ServiceUnavailableError(
          'ERR_UNAVAILABLE',
          'Nothing was sent: the server has refused earlier requests, which are held back for now.',
          { statusCode: 503, retryAfterMs: held },
        )
      }
      await delay(held, signal)
    }
    await delay(this.#turn(performance.now()), signal)
  }

  /** Takes the outcome of a request: a refusal without a reason to wait holds back the next ones. */
  report(isRefused: boolean): void {
    this.#holdMs = isRefused ? Math.min(this.#holdMs * 2 || FIRST_HOLD_MS, LONGEST_HOLD_MS) : 0
    if (!isRefused) return
    this.#heldUntilMs = performance.now() + this.#holdMs
    this.#log.warn(
      `the server answered 503 and named no time: requests are held back for ${String(this.#holdMs / 1000)} s`,
    )
  }

  /** Reserves the next turn; returns the wait until then. */
  #turn(now: number): number {
    if (now < this.#nextMs) {
      const extra = this.#extraMs.findIndex((from) => from <= now)
      if (extra >= 0) {
        this.#extraMs[extra] = now + BURST_EVERY_MS
        return 0
      }
    }
    const at = Math.max(now, this.#nextMs)
    this.#nextMs = at + this.#intervalMs
    return at - now
  }
}
