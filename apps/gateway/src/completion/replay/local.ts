import { HttpError } from '../../http-error.js'
import type { ReplayCache } from './refuse.js'

/** Bounds of a {@link LocalReplayCache}. */
export interface LocalReplayCacheOptions {
  readonly windowMs: number
  /** Largest number of ids; one takes 150 to 300 bytes. Default 500 000. */
  readonly maxIds?: number
}

/** Default number of ids that one process remembers; a request has two. */
export const MAX_LOCAL_IDS = 500_000
/** Expired ids that one request removes: more than it adds, and few enough not to hold up others. */
const MAX_REMOVED = 1000

/**
 * Replay cache of one process. A full cache accepts nothing until its oldest id expires: evicting it
 * earlier would let any caller make room for a replay.
 */
export class LocalReplayCache implements ReplayCache {
  readonly #windowMs: number
  readonly #maxIds: number
  /** Expiry of each id. All last equally long, so the first expires first. */
  readonly #expiries = new Map<string, number>()

  constructor({ windowMs, maxIds = MAX_LOCAL_IDS }: LocalReplayCacheOptions) {
    this.#windowMs = windowMs
    this.#maxIds = maxIds
  }

  /** Number of ids in memory, expired ones included. */
  get size(): number {
    return this.#expiries.size
  }

  claim(ids: readonly string[]): Promise<boolean> {
    const now = performance.now()
    this.#expire(now)
    if (ids.some((id) => this.isKnown(id))) return Promise.resolve(false)
    if (this.#expiries.size + ids.length > this.#maxIds) return Promise.reject(this.#full(now))
    for (const id of ids) {
      // An expired id that is still there would keep its place among the oldest.
      this.#expiries.delete(id)
      this.#expiries.set(id, now + this.#windowMs)
    }
    return Promise.resolve(true)
  }

  isKnown(id: string): boolean {
    return (this.#expiries.get(id) ?? 0) > performance.now()
  }

  close(): Promise<void> {
    this.#expiries.clear()
    return Promise.resolve()
  }

  #expire(now: number): void {
    let removable = MAX_REMOVED
    for (const [id, expiry] of this.#expiries) {
      if (expiry > now || removable-- === 0) return
      this.#expiries.delete(id)
    }
  }

  #full(now: number): HttpError {
    const [oldest = now] = this.#expiries.values()
    return new HttpError(
      503,
      'Replay protection has no room for further requests at the moment',
      Math.max(1, Math.ceil((oldest - now) / 1000)),
      'state_unavailable',
    )
  }
}
