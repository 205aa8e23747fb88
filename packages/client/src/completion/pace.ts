import { delay } from '@nomyo/transport'
import type { Log } from '../config/log.js'

/** The pace of requests. */
export interface PaceOptions {
  /** Requests a second, evenly spaced. */
  readonly perSecond: number
  /** Requests within one second, once in ten seconds. Default: `perSecond`, for no bursts. */
  readonly burst?: number | undefined
}

const BURST_EVERY_MS = 10_000
const HOLD_S = 30

/** Spaces requests, and holds them back after a server refused one and named no time to wait. */
export class Pace {
  readonly #intervalMs: number
  /** Requests in between that a burst allows, and the time of the next burst. */
  readonly #extras: number
  #extrasUsed = 0
  #burstMs = 0
  /** The time of the next evenly spaced request. */
  #nextMs = 0
  #heldUntilMs = 0

  constructor({ perSecond, burst = perSecond }: PaceOptions) {
    this.#intervalMs = 1000 / perSecond
    this.#extras = burst - perSecond
  }

  /** Waits for the turn of a request. */
  async wait(signal: AbortSignal): Promise<void> {
    await delay(this.#turn(performance.now()), signal)
    // Again, where a refusal has held back the requests that waited.
    for (let left; (left = this.#heldUntilMs - performance.now()) > 0;) {
      await delay(left + this.#turn(performance.now() + left), signal)
    }
  }

  /** Holds back the next requests. */
  hold(log: Log): void {
    this.#heldUntilMs = performance.now() + HOLD_S * 1000
    log.warn(`503 without Retry-After: requests are held back for ${String(HOLD_S)} s`)
  }

  /** Reserves the next turn; returns the wait until then. */
  #turn(now: number): number {
    if (now < this.#nextMs && now >= this.#burstMs && this.#extras > 0) {
      this.#extrasUsed = (this.#extrasUsed + 1) % this.#extras
      if (this.#extrasUsed === 0) this.#burstMs = now + BURST_EVERY_MS
      return 0
    }
    const at = Math.max(now, this.#nextMs)
    this.#nextMs = at + this.#intervalMs
    return at - now
  }
}
