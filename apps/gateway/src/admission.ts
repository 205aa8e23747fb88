import type { ServerResponse } from 'node:http'
import { availableParallelism } from 'node:os'
import pLimit, { type LimitFunction } from 'p-limit'
import type { LoadConfig } from './config.js'
import { HttpError } from './http-error.js'
import type { Metrics } from './metrics/metrics.js'

/** Why a request was turned away; a label of metrics. */
export type ShedCause = 'queue' | 'requests' | 'gone'

/** A refusal for want of capacity. Expected under load, so not worth an error in the log. */
export class Shed extends HttpError {
  constructor() {
    super(503, 'This gateway is busy', RETRY_AFTER_S)
  }
}

const RETRY_AFTER_S = 1
const DEFAULT_MAX_QUEUE = 64
const DEFAULT_MAX_REQUESTS = 512
/** How many threads do the work, unless the environment says otherwise. */
const DEFAULT_THREADS = 4

/**
 * Lets in as many sealed requests as can be served soon. Opening one takes an RSA operation of some
 * milliseconds in a thread: more at a time than there are cores would slow down all of them, and a
 * long queue would serve only callers that no longer wait. So whoever is too many is told at once.
 */
export class Admission {
  readonly #limit: LimitFunction
  readonly #maxQueue: number
  readonly #maxRequests: number
  readonly #metrics: Metrics
  #inFlight = 0

  constructor(load: LoadConfig, metrics: Metrics) {
    this.#limit = pLimit(load.maxOpens ?? defaultMaxOpens())
    this.#maxQueue = load.maxQueue ?? DEFAULT_MAX_QUEUE
    this.#maxRequests = load.maxRequests ?? DEFAULT_MAX_REQUESTS
    this.#metrics = metrics
  }

  /** Before the body is read: the refusal, or nothing and the request counts until it is answered. */
  enter(response: ServerResponse): HttpError | undefined {
    if (this.#isQueueFull()) return this.#shed('queue')
    if (this.#inFlight >= this.#maxRequests) return this.#shed('requests')
    this.#inFlight++
    response.once('close', () => this.#inFlight--)
    return undefined
  }

  /**
   * Opens when it is this request's turn, unless the caller has gone meanwhile.
   *
   * @throws Shed when too many wait already
   */
  async open<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    // Asked again: many bodies may have been read since.
    if (this.#isQueueFull()) throw this.#shed('queue')
    return this.#limit(() => {
      if (signal.aborted) throw this.#shed('gone')
      return work()
    })
  }

  #isQueueFull(): boolean {
    const { activeCount, concurrency, pendingCount } = this.#limit
    return activeCount >= concurrency && pendingCount >= this.#maxQueue
  }

  #shed(cause: ShedCause): Shed {
    this.#metrics.shed(cause)
    return new Shed()
  }
}

/** More than cores, or than threads to run in, would only wait elsewhere. */
function defaultMaxOpens(): number {
  const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? DEFAULT_THREADS)
  return Math.max(1, Math.min(availableParallelism(), threads || DEFAULT_THREADS))
}
