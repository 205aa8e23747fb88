/** Settings of the health checks of model servers. */
export interface HealthCheckConfig {
  /** Interval between polls, in milliseconds. Default 10 000. */
  readonly intervalMs?: number | undefined
  /** Consecutive failures, of polls or of completions, until a server is unhealthy. Default 3. */
  readonly unhealthyAfter?: number | undefined
}

const UNHEALTHY_AFTER = 3
/** Cool-down after a failure; each further one that the server caused doubles it. */
const COOL_DOWN_MS = 1000
const MAX_COOL_DOWN_MS = 60_000

/**
 * Health of a model server by two signs that are counted apart: polls show that it is present, and
 * completions that it works. A poll never makes up for a failed completion.
 *
 * A failure that the server caused starts a cool-down, which doubles with each further failure. After
 * it, one request at a time tries the server, until an answer clears all failures. A failure that the
 * request may have caused starts a short cool-down and counts as nothing more.
 */
export class Health {
  readonly #unhealthyAfter: number
  readonly #now: () => number
  #failedPolls = 0
  #failures = 0
  #doubts = 0
  #lastFailureAt = -Infinity
  #coolUntil = -Infinity
  #inFlight = 0

  /** @param now - monotonic clock, in milliseconds */
  constructor({ unhealthyAfter = UNHEALTHY_AFTER }: HealthCheckConfig, now = monotonicNow) {
    this.#unhealthyAfter = unhealthyAfter
    this.#now = now
  }

  get isHealthy(): boolean {
    return this.#failedPolls < this.#unhealthyAfter && this.#failures < this.#unhealthyAfter
  }

  /**
   * Standing by which servers are preferred, the lowest first. 0: ready. 1: in a cool-down, or being tried
   * after one. 2: the same, and unhealthy.
   */
  get standing(): 0 | 1 | 2 {
    if (this.#failedPolls >= this.#unhealthyAfter) return 2
    const isReady = this.#now() >= this.#coolUntil && (this.#failures === 0 || this.#inFlight === 0)
    if (isReady) return 0
    return this.isHealthy ? 1 : 2
  }

  /** Failures of any cause since the last answer. */
  get suspicion(): number {
    return this.#failures + this.#doubts
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** Counts a request in; the result, called once, counts it out. */
  enter(): { readonly startedAt: number; leave(): void } {
    this.#inFlight++
    return {
      startedAt: this.#now(),
      leave: () => {
        this.#inFlight--
      },
    }
  }

  recordPoll(isPresent: boolean): void {
    this.#failedPolls = isPresent ? 0 : this.#failedPolls + 1
  }

  /** Records an answer. One that began before the last failure shows nothing of the server now. */
  recordAnswer(startedAt: number): void {
    this.#failedPolls = 0
    if (startedAt < this.#lastFailureAt) return
    this.#failures = 0
    this.#doubts = 0
    this.#coolUntil = -Infinity
  }

  /** Records a failure that the server caused. */
  recordFailure(): void {
    this.#lastFailureAt = this.#now()
    this.#failures++
    const ms = Math.min(COOL_DOWN_MS * 2 ** (this.#failures - 1), MAX_COOL_DOWN_MS)
    this.#coolUntil = Math.max(this.#coolUntil, this.#lastFailureAt + ms)
  }

  /**
   * Records a failure that the request may have caused.
   *
   * @param retryAfterMs - wait that the server asks for
   */
  recordDoubt(retryAfterMs = 0): void {
    this.#lastFailureAt = this.#now()
    this.#doubts++
    const ms = Math.min(Math.max(retryAfterMs, COOL_DOWN_MS), MAX_COOL_DOWN_MS)
    this.#coolUntil = Math.max(this.#coolUntil, this.#lastFailureAt + ms)
  }
}

/** Reads a clock that no correction of the time moves. */
export const monotonicNow = (): number => performance.now()
