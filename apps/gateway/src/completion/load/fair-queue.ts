/** Work that waits for its turn. */
interface Job {
  readonly start: () => void
  readonly reject: () => void
}

/** Limits of a {@link FairQueue}. */
export interface FairQueueOptions {
  readonly concurrency: number
  readonly maxWaiting: number
  /** Creates the error for work that finds no place or loses its place. */
  readonly createError: () => Error
}

/**
 * Queue with bounded concurrency that serves owners in turn: an owner with a hundred jobs waits for its
 * own jobs, other owners do not. When the queue is full, the last job of the owner with the most
 * waiting jobs makes room for an owner with fewer.
 */
export class FairQueue {
  readonly #options: FairQueueOptions
  #maxWaiting: number
  /** Jobs by owner, in the order of turns; contains only owners with jobs. */
  readonly #waiting = new Map<string, Job[]>()
  #waitingCount = 0
  #active = 0

  constructor(options: FairQueueOptions) {
    this.#options = options
    this.#maxWaiting = options.maxWaiting
  }

  /** Replaces the limit for jobs from now on; those that wait keep their places. */
  setMaxWaiting(maxWaiting: number): void {
    this.#maxWaiting = maxWaiting
  }

  /** Number of waiting jobs. */
  get waiting(): number {
    return this.#waitingCount
  }

  /** Checks whether another job of this owner would be rejected now. */
  isFullFor(owner: string): boolean {
    if (this.#active < this.#options.concurrency || this.#waitingCount < this.#maxWaiting)
      return false
    return this.#longest() <= this.#lengthOf(owner) + 1
  }

  /**
   * Runs work when it is its owner's turn.
   *
   * @param signal - gives up the place when it aborts before the turn comes. Default: none
   * @throws the error of `createError` when no place is left, or the place was given to another owner or given up
   */
  async run<T>(owner: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.isFullFor(owner)) throw this.#options.createError()
    if (this.#active < this.#options.concurrency) this.#active++
    else await this.#turn(owner, signal)
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  #turn(owner: string, signal: AbortSignal | undefined): Promise<void> {
    if (this.#waitingCount >= this.#maxWaiting) this.#makeRoom()
    return new Promise((start, reject) => {
      const jobs = this.#waiting.get(owner) ?? []
      const giveUp = (): void => {
        this.#remove(owner, job)
        job.reject()
      }
      const job: Job = {
        start: () => {
          signal?.removeEventListener('abort', giveUp)
          start()
        },
        reject: () => {
          signal?.removeEventListener('abort', giveUp)
          reject(this.#options.createError())
        },
      }
      jobs.push(job)
      this.#waiting.set(owner, jobs)
      this.#waitingCount++
      signal?.addEventListener('abort', giveUp, { once: true })
    })
  }

  #remove(owner: string, job: Job): void {
    const jobs = this.#waiting.get(owner) ?? []
    jobs.splice(jobs.indexOf(job), 1)
    if (jobs.length === 0) this.#waiting.delete(owner)
    this.#waitingCount--
  }

  #next(): void {
    const [turn] = this.#waiting
    if (turn === undefined) {
      this.#active--
      return
    }
    const [owner, jobs] = turn
    const job = jobs.shift()
    // Owners with further jobs go to the end of the line. A map slows down where its first entry often changes.
    if (jobs.length === 0 || this.#waiting.size > 1) this.#waiting.delete(owner)
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
      job?.reject()
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
