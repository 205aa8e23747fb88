import type { ServerResponse } from 'node:http'
import { onResponseClosed } from '@nomyo-internal/http-server'
import type { LoadConfig } from '../../config/config.js'
import { HttpError } from '../../http-error.js'
import type { Wire } from '../../observability/completion-record.js'
import type { Metrics, OverloadCause } from '../../observability/metrics/metrics.js'
import { DECAPSULATE_CONCURRENCY, DECRYPT_CONCURRENCY } from './decrypt-concurrency.js'
import {
  FairBudget,
  type FairBudgetOptions,
  type Reservation,
  type Shortage,
} from './fair-budget.js'
import { FairQueue } from './fair-queue.js'
import { UnidentifiedPlaces } from './unidentified-places.js'

/** Rejection for lack of capacity. Expected under load, so the log does not report it as an error. */
export class OverloadedError extends HttpError {
  constructor() {
    super(503, 'This gateway is busy', RETRY_AFTER_S)
  }
}

const RETRY_AFTER_S = 1
const DEFAULT_MAX_QUEUE = 64
export const DEFAULT_MAX_REQUESTS = 512
const DEFAULT_MAX_BYTES = 256 * 1024 * 1024
/** Several of the largest requests fit, so that one of them is not refused because of another. */
const LARGEST_REQUESTS = 4
/** Memory of a request while it is decrypted: its body, and the ciphertext, which is decrypted in place. */
const REQUEST_FACTOR = 1.75
/** Memory of an answer while it is encrypted: as received, padded, and as an envelope. */
const ANSWER_FACTOR = 3.5

/** Memory of a request whose caller is unknown: what arrived at once, and its first chunk. */
const UNIDENTIFIED_BYTES = 96 * 1024

/** Memory of the smallest request: its headers, keys and an answer of a few words. */
const LEAST_BYTES = 16 * 1024
/** Answers above this size take turns to be encrypted. */
const LARGE_BYTES = 256 * 1024
const LARGE_ENCRYPTIONS = 2

/** Place and memory of a request, which end when its response is closed and no work for it is left. */
export interface Admission {
  /** Caller, or address of an unknown caller, that the request counts for. */
  readonly owner: string
  /** Keeps the place until the work has ended: a caller that disconnects does not end it at once. */
  during<T>(work: () => Promise<T>): Promise<T>
  /**
   * Passes a request of an unknown caller on to its caller, with a place of those that all callers share.
   *
   * @param bodyBytes - size of the body, or the largest possible one if it is unknown
   * @throws OverloadedError
   */
  identify(caller: string, bodyBytes: number): void
  /**
   * Replaces the memory that is accounted for.
   *
   * @throws OverloadedError when more is needed than is left
   */
  account(memory: {
    /** Size of the decrypted request while it is in memory. */
    readonly plaintext?: number
    /** Size of the answer while it is received and encrypted. */
    readonly answer?: number
    /** Size of the encrypted answer. */
    readonly envelope?: number
  }): void
}

/** Admission of a request whose caller is unknown. */
export interface UnidentifiedAdmission extends Admission {
  /** Aborts when its place is given to a newer request. */
  readonly evicted: AbortSignal
}

/**
 * Accepts as many encrypted requests as can be served soon. Decrypting one occupies a thread for some
 * milliseconds: more at a time than there are cores would slow down all of them, and a long queue would
 * serve only callers that have given up. Excess requests are therefore rejected at once. Callers take
 * turns in the queue, however many requests one of them sends, and share places and memory.
 */
export class LoadShedder {
  readonly #lanes: Readonly<Record<Wire, FairQueue>>
  readonly #encryptions: FairQueue
  readonly #requests: FairBudget
  /** Requests whose caller is unknown take no place of a known one. */
  readonly #unidentified: UnidentifiedPlaces
  readonly #bytes: FairBudget
  readonly #metrics: Metrics
  readonly #maxBodyBytes: number
  #load: LoadConfig

  constructor(load: LoadConfig, metrics: Metrics, maxBodyBytes: number) {
    this.#maxBodyBytes = maxBodyBytes
    this.#load = load
    const lane = (concurrency: number): FairQueue =>
      new FairQueue({
        concurrency: load.maxOpens ?? concurrency,
        maxWaiting: load.maxQueue ?? DEFAULT_MAX_QUEUE,
        createError: () => this.#rejection('queue'),
      })
    this.#lanes = { 1: lane(DECRYPT_CONCURRENCY), 2: lane(DECAPSULATE_CONCURRENCY) }
    this.#requests = new FairBudget(placesOf(load))
    this.#unidentified = new UnidentifiedPlaces(placesOf(load).total, () => {
      metrics.countRejection('requests')
    })
    this.#bytes = new FairBudget(this.#memoryOf(load))
    this.#encryptions = new FairQueue({
      concurrency: LARGE_ENCRYPTIONS,
      maxWaiting: Infinity,
      createError: () => this.#rejection('queue'),
    })
    this.#metrics = metrics
    metrics.watchLoad({
      waiting: () => this.#lanes[1].waiting + this.#lanes[2].waiting,
      bytes: () => this.#bytes.used,
    })
  }

  /** Limits in effect. */
  get load(): LoadConfig {
    return this.#load
  }

  /** Replaces the limits for requests from now on, except the number of concurrent decryptions. */
  setLimits(load: LoadConfig): void {
    this.#load = load
    for (const lane of Object.values(this.#lanes)) {
      lane.setMaxWaiting(load.maxQueue ?? DEFAULT_MAX_QUEUE)
    }
    this.#requests.setLimits(placesOf(load))
    this.#unidentified.setTotal(placesOf(load).total)
    this.#bytes.setLimits(this.#memoryOf(load))
  }

  /**
   * Reserves a place and memory for a request until its response is closed. Must come before its body
   * is read.
   *
   * @param caller - owner of the request: queue, places and memory are shared fairly between callers
   * @param bodyBytes - size of the body, or the largest possible one if it is unknown
   * @throws OverloadedError
   */
  enter(wire: Wire, caller: string, response: ServerResponse, bodyBytes: number): Admission {
    this.#requireLane(wire, caller)
    const place = this.#reserve(this.#requests, caller)
    return this.#admit(place, caller, response, bodyBytes * REQUEST_FACTOR)
  }

  /**
   * Takes a place and memory for a request whose API key is encrypted with it, until its caller is known.
   *
   * @param address - owner of the request until then
   * @throws OverloadedError
   */
  enterUnidentified(address: string, response: ServerResponse): UnidentifiedAdmission {
    this.#requireLane(2, address)
    const place = this.#unidentified.enter(address)
    const admission = this.#admit(place, address, response, UNIDENTIFIED_BYTES)
    // Not by a spread, which would read the owner of now.
    return Object.assign(admission, { evicted: place.evicted })
  }

  #requireLane(wire: Wire, owner: string): void {
    if (this.#lanes[wire].isFullFor(owner)) throw this.#rejection('queue')
  }

  #admit(
    entered: { release(): void },
    owner: string,
    response: ServerResponse,
    memoryBytes: number,
  ): Admission {
    let place = entered
    const memory = this.#bytes.reserve(owner, accounted(memoryBytes))
    if (typeof memory === 'string') {
      place.release()
      throw this.#rejection(causeOf('bytes', memory))
    }
    let holders = 1
    const end = (): void => {
      if (--holders > 0) return
      place.release()
      memory.release()
    }
    onResponseClosed(response, end)
    // Its owner is data: a getter would keep it in memory until the next major garbage collection.
    const admission: Admission & { owner: string } = {
      owner,
      during: async (work) => {
        holders++
        try {
          return await work()
        } finally {
          end()
        }
      },
      identify: (caller, bodyBytes) => {
        if (holders === 0) return
        const next = this.#reserve(this.#requests, caller)
        const shortage = memory.move(caller, accounted(bodyBytes * REQUEST_FACTOR))
        if (shortage !== undefined) {
          next.release()
          throw this.#rejection(causeOf('bytes', shortage))
        }
        place.release()
        place = next
        admission.owner = caller
      },
      account: ({ plaintext = 0, answer = 0, envelope = 0 }) => {
        const shortage = memory.resize(accounted(plaintext + answer * ANSWER_FACTOR + envelope))
        if (shortage !== undefined) throw this.#rejection(causeOf('bytes', shortage))
      },
    }
    return admission
  }

  #reserve(places: FairBudget, owner: string): Reservation {
    const place = places.reserve(owner, 1)
    if (typeof place === 'string') throw this.#rejection(causeOf('requests', place))
    return place
  }

  /**
   * Decrypts when it is the caller's turn, unless the caller has disconnected. Requests of one wire do not
   * wait for those of the other, whose computations differ tenfold.
   *
   * @param signal - aborts when the caller disconnects
   * @throws OverloadedError
   */
  decrypt<T>(wire: Wire, caller: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#lanes[wire].run(caller, async () => {
      if (signal.aborted) throw this.#rejection('gone')
      return work()
    })
  }

  /**
   * Encrypts an answer: large ones in turn, because each occupies the event loop for some milliseconds at
   * a time. Their number is bounded by the places and the memory of their requests.
   */
  encrypt<T>(caller: string, bytes: number, work: () => Promise<T>): Promise<T> {
    return bytes < LARGE_BYTES ? work() : this.#encryptions.run(caller, work)
  }

  #memoryOf({ maxBytesInFlight }: LoadConfig): FairBudgetOptions {
    return { total: maxBytesInFlight ?? defaultMaxBytesInFlight(this.#maxBodyBytes) }
  }

  #rejection(cause: OverloadCause): OverloadedError {
    this.#metrics.countRejection(cause)
    return new OverloadedError()
  }
}

const placesOf = ({ maxRequests, maxRequestsPerCaller }: LoadConfig): FairBudgetOptions => ({
  total: maxRequests ?? DEFAULT_MAX_REQUESTS,
  perOwner: maxRequestsPerCaller,
})

/** Returns the limit for the memory of requests where none is set. */
export const defaultMaxBytesInFlight = (maxBodyBytes: number): number =>
  Math.max(DEFAULT_MAX_BYTES, LARGEST_REQUESTS * REQUEST_FACTOR * maxBodyBytes)

const accounted = (bytes: number): number => Math.max(LEAST_BYTES, Math.ceil(bytes))

const causeOf = (resource: 'requests' | 'bytes', shortage: Shortage): OverloadCause =>
  shortage === 'total' ? resource : `caller_${resource}`
