import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'

/** Counter that accepts a number of points per duration, in seconds, and then refuses for a while. */
export interface CounterOptions {
  readonly keyPrefix: string
  readonly points: number
  readonly duration: number
  readonly blockDuration?: number
}

/** Callers remembered by one counter, with about 500 bytes each. */
const MAX_CALLERS = 20_000

/**
 * Counter in memory with a bounded number of callers. Beyond it, the caller that was counted least recently
 * is forgotten: a caller with that many addresses has as many limits anyway, and other callers must neither
 * be refused for it nor pay with the memory of the process.
 */
export class BoundedCounter extends RateLimiterMemory {
  readonly #maxCallers: number
  /** In the order in which they were counted last. */
  readonly #callers = new Set<string>()

  constructor(options: CounterOptions, maxCallers = MAX_CALLERS) {
    super(options)
    this.#maxCallers = maxCallers
  }

  override async consume(caller: string | number, points?: number): Promise<RateLimiterRes> {
    const name = String(caller)
    this.#callers.delete(name)
    this.#callers.add(name)
    if (this.#callers.size > this.#maxCallers) {
      const [oldest = ''] = this.#callers
      this.#callers.delete(oldest)
      await this.delete(oldest)
    }
    return super.consume(caller, points)
  }
}
