import { HttpError } from '../../http-error.js'
import type { ReplayMemory } from './replay-memory.js'

/** How to remember. */
export interface LocalReplayMemoryOptions {
  readonly windowMs: number
  /** How many ids are remembered at most; one takes 150 to 300 bytes. */
  readonly maxIds?: number
}

const DEFAULT_MAX_IDS = 500_000

/**
 * The memory of one process. When it is full it takes nothing more until the oldest id is old enough:
 * forgetting it early would let anybody who may ask make room for a replay.
 */
export class LocalReplayMemory implements ReplayMemory {
  readonly #windowMs: number
  readonly #maxIds: number
  /** When each may be forgotten. All last equally long, so the first is always the next to go. */
  readonly #expiries = new Map<string, number>()

  constructor({ windowMs, maxIds = DEFAULT_MAX_IDS }: LocalReplayMemoryOptions) {
    this.#windowMs = windowMs
    this.#maxIds = maxIds
  }

  claim(ids: readonly string[]): Promise<boolean> {
    const now = performance.now()
    this.#forget(now)
    if (ids.some((id) => this.#expiries.has(id))) return Promise.resolve(false)
    if (this.#expiries.size + ids.length > this.#maxIds) return Promise.reject(this.#full(now))
    for (const id of ids) this.#expiries.set(id, now + this.#windowMs)
    return Promise.resolve(true)
  }

  close(): Promise<void> {
    this.#expiries.clear()
    return Promise.resolve()
  }

  #forget(now: number): void {
    for (const [id, expiry] of this.#expiries) {
      if (expiry > now) return
      this.#expiries.delete(id)
    }
  }

  #full(now: number): HttpError {
    const [oldest = now] = this.#expiries.values()
    return new HttpError(
      503,
      'This gateway has too many requests to remember',
      Math.max(1, Math.ceil((oldest - now) / 1000)),
    )
  }
}
