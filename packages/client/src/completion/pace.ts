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

  /** Waits for the turn of a request: again, where a refusal has held back those that waited. */
  async wait(signal: AbortSignal): Promise<void> {
    for (let waitMs = this.#turn(); waitMs > 0; waitMs = this.#heldMs() && this.#turn()) {
      await delay(waitMs, signal)
    }
  }

  /** Holds back the next requests. */
  hold(log: Log): void {
    this.#heldUntilMs = performance.now() + HOLD_S * 1000
    log.warn(`503 without Retry-After: requests are held for ${String(HOLD_S)} s`)
  }

  #heldMs(): number {
    return Math.max(this.#heldUntilMs - performance.now(), 0)
  }

  /** Reserves the next turn; returns the wait until then. */
  #turn(): number {
    const held = this.#heldMs()
    const now = performance.now() + held
    if (now < this.#nextMs && now >= this.#burstMs && this.#extras > 0) {
      this.#extrasUsed = (this.#extrasUsed + 1) % this.#extras
      if (this.#extrasUsed === 0) this.#burstMs = now + BURST_EVERY_MS
      return held
    }
    const at = Math.max(now, this.#nextMs)
    this.#nextMs = at + this.#intervalMs
    return held + at - now
  }
}
