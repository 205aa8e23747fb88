/** A server may be replaced by one that has the route. */
const MISSING_MS = 60_000

/** Routes that one model server refused as unknown, for a time. Their paths are literals of this program. */
export class RouteMemory {
  readonly #now: () => number
  /** Paths and the time of their expiry. */
  readonly #missing = new Map<string, number>()

  /** @param now - monotonic clock, in milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  isMissing(path: string): boolean {
    return this.#now() < (this.#missing.get(path) ?? -Infinity)
  }

  recordMissing(path: string): void {
    this.#missing.set(path, this.#now() + MISSING_MS)
  }

  recordAnswer(path: string): void {
    this.#missing.delete(path)
  }
}
