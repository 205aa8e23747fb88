import type { IncomingMessage, ServerResponse } from 'node:http'
import type { LoadConfig } from '../config/config.js'
import { Convoy } from './batch-release.js'
import { FairQueue } from './fair-queue.js'
import { HttpError } from '../http-error.js'
import type { Metrics } from '../observability/metrics.js'
import { OPENING_LANES } from './decrypt-concurrency.js'
import type { WaitingCaller } from '../http/disconnect-signal.js'
import { whenOver } from '../http/on-response-closed.js'

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
/** So many in the queue take longer to be opened than anybody waits for company. */
const MANY = 16

/**
 * Lets in as many sealed requests as can be served soon. Opening one takes an RSA operation of some
 * milliseconds in a thread: more at a time than there are cores would slow down all of them, and a
 * long queue would serve only callers that no longer wait. So whoever is too many is told at once. In the
 * queue everybody has a turn, however many requests somebody else has sent.
 */
export class Admission {
  readonly #queue: FairQueue
  readonly #maxRequests: number
  readonly #metrics: Metrics
  readonly #opened = new Convoy()
  #inFlight = 0

  constructor(load: LoadConfig, metrics: Metrics) {
    this.#queue = new FairQueue({
      concurrency: load.maxOpens ?? OPENING_LANES,
      maxWaiting: load.maxQueue ?? DEFAULT_MAX_QUEUE,
      full: () => this.#shed('queue'),
    })
    this.#maxRequests = load.maxRequests ?? DEFAULT_MAX_REQUESTS
    this.#metrics = metrics
    metrics.watchQueue(() => this.#queue.waiting)
  }

  /**
   * Before the body is read: the refusal, or nothing and the request counts until it is answered.
   *
   * @param caller - whose request it is: the queue is shared fairly between callers
   */
  enter(caller: string, request: IncomingMessage, response: ServerResponse): HttpError | undefined {
    if (this.#queue.isFullFor(caller)) return this.#shed('queue')
    if (this.#inFlight >= this.#maxRequests) return this.#shed('requests')
    this.#inFlight++
    whenOver(request, response, () => this.#inFlight--)
    return undefined
  }

  /**
   * Opens when it is this request's turn, unless the caller has gone meanwhile. While many wait for
   * theirs, those that were opened go on some at a time.
   *
   * @throws Shed when too many wait already
   */
  async open<T>(caller: string, work: () => Promise<T>, waiting: WaitingCaller): Promise<T> {
    const opened = await this.#queue.run(caller, async () => {
      if (waiting.hasGone()) throw this.#shed('gone')
      return work()
    })
    if (this.#queue.waiting < MANY) this.#opened.leave()
    else await this.#opened.join()
    return opened
  }

  #shed(cause: ShedCause): Shed {
    this.#metrics.shed(cause)
    return new Shed()
  }
}
