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

/** A request at a model server. */
export interface Visit {
  readonly startedAt: number
  /** Ends the visit. Must be called once. */
  leave(): void
}

/**
 * Health of a model server by two signs that are counted apart: polls show that it is present, and
 * completions that it works. A poll never makes up for a failed completion.
 *
 * A failure that the server caused starts a cool-down, which doubles with each further failure. After
 * it, one request at a time tries the server, until an answer clears all failures. A failure that the
 * request may have caused starts the shortest cool-down and counts as nothing more. Requests that were
 * in progress together count as one failure, and their answers prove nothing after it.
 */
export class Health {
  readonly #unhealthyAfter: number
  readonly #now: () => number
  #failedPolls = 0
  #failures = 0
  #doubts = 0
  /** Time of the last failure of any cause, and of the last one that the server caused. */
  #doubtedAt = -Infinity
  #failedAt = -Infinity
  #coolUntil = -Infinity
  #inFlight = 0
  #trials = 0

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
    const isReady = this.#now() >= this.#coolUntil && (this.#failures === 0 || this.#trials === 0)
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

  /** Counts a request in. */
  enter(): Visit {
    const trial = this.#failures > 0 ? 1 : 0
    this.#inFlight++
    this.#trials += trial
    return {
      startedAt: this.#now(),
      leave: () => {
        this.#inFlight--
        this.#trials -= trial
      },
    }
  }

  recordPoll(isPresent: boolean): void {
    this.#failedPolls = isPresent ? 0 : this.#failedPolls + 1
  }

  /** Records an answer to a request that began at this time. */
  recordAnswer(startedAt: number): void {
    this.#failedPolls = 0
    if (startedAt < this.#doubtedAt) return
    this.#failures = 0
    this.#doubts = 0
    this.#coolUntil = -Infinity
  }

  /** Records a failure that the server caused, of a request that began at this time. */
  recordFailure(startedAt: number): void {
    if (startedAt < this.#failedAt) return
    this.#failedAt = this.#doubtedAt = this.#now()
    this.#failures++
    this.#coolDown(COOL_DOWN_MS * 2 ** (this.#failures - 1))
  }

  /**
   * Records a failure that the request may have caused.
   *
   * @param retryAfterMs - wait that the server asks for
   */
  recordDoubt(retryAfterMs = 0): void {
    this.#doubtedAt = this.#now()
    this.#doubts++
    this.#coolDown(Math.max(retryAfterMs, COOL_DOWN_MS))
  }

  #coolDown(ms: number): void {
    this.#coolUntil = Math.max(this.#coolUntil, this.#now() + Math.min(ms, MAX_COOL_DOWN_MS))
  }
}

/** Reads a clock that no correction of the time moves. */
export const monotonicNow = (): number => performance.now()
