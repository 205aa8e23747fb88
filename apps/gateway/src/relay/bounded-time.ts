/** Limits of an exchange in time, in milliseconds. */
export interface TimeLimits {
  readonly idleMs: number
  readonly totalMs: number
}

/** Ends an exchange that stands still, or takes too long. */
export class BoundedTime {
  readonly #idle: NodeJS.Timeout
  readonly #total: NodeJS.Timeout

  /** @param onEnd - called once where a limit is reached */
  constructor({ idleMs, totalMs }: TimeLimits, onEnd: () => void) {
    const end = (): void => {
      this.clear()
      onEnd()
    }
    this.#idle = setTimeout(end, idleMs)
    this.#total = setTimeout(end, totalMs)
  }

  /**
   * Hands parts on as they are asked for: each one shows that both sides take part.
   *
   * @param fail - creates the error for parts of more than this many bytes together
   */
  async *watch(
    parts: AsyncIterable<Uint8Array>,
    maxBytes: number,
    fail: () => Error,
  ): AsyncGenerator<Uint8Array> {
    let left = maxBytes
    for await (const part of parts) {
      left -= part.length
      if (left < 0) throw fail()
      this.#idle.refresh()
      yield part
    }
    this.#idle.refresh()
  }

  /** Ends the limits. Can be called repeatedly. */
  clear(): void {
    clearTimeout(this.#idle)
    clearTimeout(this.#total)
  }
}
