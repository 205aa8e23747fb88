import { HttpError } from '../http-error.js'

/** Limits of exchanges in flight. */
export interface PlaceLimits {
  readonly total: number
  readonly perAddress: number
}

/** Counts exchanges in flight, in all and by address. */
export class Places {
  readonly #limits: PlaceLimits
  readonly #taken = new Map<string, number>()
  #count = 0

  constructor(limits: PlaceLimits) {
    this.#limits = limits
  }

  /**
   * Takes a place, and returns the function that gives it back, which can be called repeatedly.
   *
   * @throws HttpError 503 where all places are taken, 429 where the address has its share
   */
  enter(address: string): () => void {
    const { total, perAddress } = this.#limits
    const taken = this.#taken.get(address) ?? 0
    if (taken >= perAddress) throw new HttpError(429, 'Too many requests from this address', 1)
    if (this.#count >= total) throw new HttpError(503, 'This relay is busy', 1)
    this.#count++
    this.#taken.set(address, taken + 1)
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#count--
      const left = (this.#taken.get(address) ?? 0) - 1
      if (left > 0) this.#taken.set(address, left)
      else this.#taken.delete(address)
    }
  }
}
