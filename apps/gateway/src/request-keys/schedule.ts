/** Clients whose clock is late still encrypt to a key for this long after it expired. */
const CLOCK_SKEW_MS = 5 * 60_000
/** A key is made this long before it is listed, so that every gateway that shares it decrypts with it. */
const MAX_LEAD_MS = 5 * 60_000
const LEADS_PER_PERIOD = 10

/**
 * The times of request keys. Time is divided into periods, which begin at the same time on every gateway:
 * keys are listed during their period, valid during the next one, and decrypt for five minutes more.
 */
export class Schedule {
  readonly periodMs: number

  constructor(periodMs: number) {
    this.periodMs = periodMs
  }

  /** Returns the number of the period at a time, in milliseconds since 1970. */
  periodAt(timeMs: number): number {
    return Math.floor(timeMs / this.periodMs)
  }

  startOf(period: number): number {
    return period * this.periodMs
  }

  /** Returns the end of the validity of the keys of a period. */
  endOf(period: number): number {
    return (period + 2) * this.periodMs
  }

  /** Returns the time from which the keys of a period decrypt nothing. */
  releaseOf(period: number): number {
    return this.endOf(period) + CLOCK_SKEW_MS
  }

  get leadMs(): number {
    return Math.min(MAX_LEAD_MS, this.periodMs / LEADS_PER_PERIOD)
  }

  /** Longest time for which keys decrypt, whatever the clock says. */
  get longestLifeMs(): number {
    return this.leadMs + 2 * this.periodMs + CLOCK_SKEW_MS
  }
}
