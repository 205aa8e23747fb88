/** What a caller waits for. */
interface Job {
  readonly start: () => void
  readonly turnAway: () => void
}

/** How much is done at a time, and how many may wait. */
export interface FairQueueOptions {
  readonly concurrency: number
  readonly maxWaiting: number
  /** What those are told that no place is left for. */
  readonly full: () => Error
}

/**
 * Work done so much at a time, in turn for everybody who has some: who brings a hundred pieces waits for
 * their own, not everybody else for theirs. When no place is left, the last piece of whoever has most
 * waiting makes room for somebody who has less.
 */
export class FairQueue {
  readonly #options: FairQueueOptions
  /** Whose turn is next comes first; nobody is in it without work. */
  readonly #waiting = new Map<string, Job[]>()
  #waitingCount = 0
  #active = 0

  constructor(options: FairQueueOptions) {
    this.#options = options
  }

  /** How many pieces of work wait. */
  get waiting(): number {
    return this.#waitingCount
  }

  /** Whether one more piece of this owner would be turned away now. */
  isFullFor(owner: string): boolean {
    const { concurrency, maxWaiting } = this.#options
    if (this.#active < concurrency || this.#waitingCount < maxWaiting) return false
    return this.#longest() <= this.#lengthOf(owner) + 1
  }

  /** @throws what `full` gives, when no place is left or the place was given to somebody else */
  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    if (this.isFullFor(owner)) throw this.#options.full()
    if (this.#active < this.#options.concurrency) this.#active++
    else await this.#turn(owner)
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  #turn(owner: string): Promise<void> {
    if (this.#waitingCount >= this.#options.maxWaiting) this.#makeRoom()
    return new Promise((start, reject) => {
      const jobs = this.#waiting.get(owner) ?? []
      const turnAway = (): void => {
        reject(this.#options.full())
      }
      jobs.push({ start, turnAway })
      this.#waiting.set(owner, jobs)
      this.#waitingCount++
    })
  }

  #next(): void {
    const [turn] = this.#waiting
    if (turn === undefined) {
      this.#active--
      return
    }
    const [owner, jobs] = turn
    // Behind everybody else, if there is more.
    this.#waiting.delete(owner)
    const job = jobs.shift()
    if (jobs.length > 0) this.#waiting.set(owner, jobs)
    this.#waitingCount--
    job?.start()
  }

  #makeRoom(): void {
    const longest = this.#longest()
    for (const [owner, jobs] of this.#waiting) {
      if (jobs.length < longest) continue
      const job = jobs.pop()
      if (jobs.length === 0) this.#waiting.delete(owner)
      this.#waitingCount--
      job?.turnAway()
      return
    }
  }

  #longest(): number {
    return Math.max(0, ...[...this.#waiting.values()].map((jobs) => jobs.length))
  }

  #lengthOf(owner: string): number {
    return this.#waiting.get(owner)?.length ?? 0
  }
}
