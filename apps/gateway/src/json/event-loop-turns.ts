/**
 * Divides the event loop between long computations: each is cut into pieces, and one piece of one
 * computation runs per iteration, so that I/O and short requests wait for a single piece only, however
 * many computations are in progress.
 */
export class EventLoopTurns {
  readonly #waiting: (() => void)[] = []

  /** Resolves when it is the turn of the caller to run its next piece. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) this.#schedule()
    })
  }

  #schedule(): void {
    setImmediate(() => {
      this.#waiting.shift()?.()
      if (this.#waiting.length > 0) this.#schedule()
    })
  }
}
