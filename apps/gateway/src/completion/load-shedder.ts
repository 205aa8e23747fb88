import type { ServerResponse } from 'node:http'
import { onResponseClosed } from '@nomyo-internal/http-server'
import type { LoadConfig } from '../config/config.js'
import { HttpError } from '../http-error.js'
import type { Metrics, OverloadCause } from '../observability/metrics.js'
import { DECRYPT_CONCURRENCY } from './decrypt-concurrency.js'
import { FairQueue } from './fair-queue.js'

/** Rejection for lack of capacity. Expected under load, so the log does not report it as an error. */
export class OverloadedError extends HttpError {
  constructor() {
    super(503, 'This gateway is busy', RETRY_AFTER_S)
  }
}

const RETRY_AFTER_S = 1
const DEFAULT_MAX_QUEUE = 64
const DEFAULT_MAX_REQUESTS = 512

/**
 * Accepts as many encrypted requests as can be served soon. Decrypting one occupies a thread for some
 * milliseconds: more at a time than there are cores would slow down all of them, and a long queue would
 * serve only callers that have given up. Excess requests are therefore rejected at once. Callers take
 * turns in the queue, however many requests one of them sends.
 */
export class LoadShedder {
  readonly #queue: FairQueue
  readonly #maxRequests: number
  readonly #metrics: Metrics
  #inFlight = 0

  constructor(load: LoadConfig, metrics: Metrics) {
    this.#queue = new FairQueue({
      concurrency: load.maxOpens ?? DECRYPT_CONCURRENCY,
      maxWaiting: load.maxQueue ?? DEFAULT_MAX_QUEUE,
      createError: () => this.#rejection('queue'),
    })
    this.#maxRequests = load.maxRequests ?? DEFAULT_MAX_REQUESTS
    this.#metrics = metrics
    metrics.watchQueue(() => this.#queue.waiting)
  }

  /**
   * Counts a request until its response is closed. Must come before its body is read.
   *
   * @param caller - owner of the request: the queue is shared fairly between callers
   * @throws OverloadedError
   */
  enter(caller: string, response: ServerResponse): void {
    if (this.#queue.isFullFor(caller)) throw this.#rejection('queue')
    if (this.#inFlight >= this.#maxRequests) throw this.#rejection('requests')
    this.#inFlight++
    onResponseClosed(response, () => this.#inFlight--)
  }

  /**
   * Decrypts when it is the caller's turn, unless the caller has disconnected.
   *
   * @param signal - aborts when the caller disconnects
   * @throws OverloadedError
   */
  decrypt<T>(caller: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#queue.run(caller, async () => {
      if (signal.aborted) throw this.#rejection('gone')
      return work()
    })
  }

  #rejection(cause: OverloadCause): OverloadedError {
    this.#metrics.countRejection(cause)
    return new OverloadedError()
  }
}
