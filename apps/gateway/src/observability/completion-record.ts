import type { SecurityTier } from '../access/policy/tier-policy.js'
import type { RefusalCode } from '../http-error.js'
import type { RouteName } from '../request-keys/statement.js'

/** Version of the protocol between clients and gateway. */
export type Wire = 1 | 2

/** Timed steps of an answer: wait for decryption, decryption, TPM, model server, encryption. */
export const STEPS = ['queue', 'decrypt', 'quote', 'upstream', 'encrypt'] as const

export type Step = (typeof STEPS)[number]

/** Time of a step, in milliseconds. */
export interface StepTime {
  /** From the start of the request. */
  readonly startMs: number
  readonly durationMs: number
}

/** Token counts as the model server reports them; it may omit any of them. */
export interface TokenUsage {
  readonly promptTokens?: number | undefined
  readonly completionTokens?: number | undefined
  readonly totalTokens?: number | undefined
}

/** End of a streamed answer; a label of metrics. */
export type StreamEnd =
  /** The model server has completed it. */
  | 'complete'
  /** An error at its end told the caller that it failed. */
  | 'failed'
  /** The connection to the model server was lost: it has no end. */
  | 'truncated'
  /** The caller has disconnected, or did not read. */
  | 'disconnected'

/** Facts about a streamed answer. */
export interface StreamFacts {
  readonly kind: 'events' | 'bytes'
  readonly end: StreamEnd
  /** Number of events, or of other parts, that were passed on. */
  readonly parts: number
  /** Time of the first of them from the start of the request, in milliseconds; undefined without one. */
  readonly firstPartMs: number | undefined
}

/** Result of an encrypted request. `disconnected`: the caller left before the answer was written. */
export type Outcome = 'ok' | 'disconnected' | RefusalCode

/**
 * Facts about one encrypted request after its end. Contains neither a key nor anything of the content;
 * {@link CompletionRecord.model} and {@link CompletionRecord.responseModel} are the only members that
 * were encrypted.
 */
export interface CompletionRecord {
  /** Identifier that the gateway gave the request. */
  readonly requestId: string
  /** Identifier that the client gave the request, in its checked form. */
  readonly payloadId: string | undefined
  /** Version of the wire that the request came by. */
  readonly wire: Wire
  /** Route inside the encryption; undefined before it is known, and for a route that does not exist. */
  readonly endpoint: RouteName | undefined
  /** Time of arrival, in milliseconds since 1970. */
  readonly startedAtMs: number
  /** From the arrival of the headers to the end of the response. */
  readonly totalMs: number
  /** Steps that were reached, including one that failed. */
  readonly steps: Readonly<Partial<Record<Step, StepTime>>>
  readonly outcome: Outcome
  /** Inside the encryption, where there is one. Null when the caller disconnected before the response was written. */
  readonly status: number | null
  /** True once the caller has passed authentication and the rate limit. */
  readonly admitted: boolean
  /** Name of the API key; undefined where no key is required, and before authentication. */
  readonly keyName: string | undefined
  readonly tier: SecurityTier | undefined
  /** As the caller spells it: any text, of any length below the size of a request. */
  readonly model: string | undefined
  /** Name of the model server that was asked last. */
  readonly upstream: string | undefined
  /** Status of the answer of the model server, if it answered. */
  readonly upstreamStatus: number | undefined
  /** As the model server spells it: any text. */
  readonly responseModel: string | undefined
  readonly usage: TokenUsage | undefined
  /** Undefined for a whole answer. */
  readonly stream: StreamFacts | undefined
  /** Size of the encrypted request. */
  readonly bytesIn: number
  /** Size of the encrypted answer. */
  readonly bytesOut: number
}

/** Receiver of completion records. */
export interface CompletionObserver {
  /** Called once per encrypted request, after its end. */
  completed(record: CompletionRecord): void
}

/** Record of a request, and errors of observers that received it. */
export interface CompletionEnd {
  readonly record: CompletionRecord
  readonly failures: readonly unknown[]
}

/** Identity of a request. */
export interface RequestIdentity {
  readonly requestId: string
  readonly payloadId: string | undefined
  readonly wire: Wire
}

/**
 * Collects the facts of one encrypted request while it is answered. The request ends once its response
 * is closed and no work for it is left: a caller that disconnects does not end a completion at once.
 */
export class CompletionObservation {
  readonly requestId: string
  /** Of wire 2, known once the request is open. */
  payloadId: string | undefined
  readonly wire: Wire
  endpoint: RouteName | undefined
  readonly startedAtMs = Date.now()
  admitted = false
  keyName: string | undefined
  tier: SecurityTier | undefined
  model: string | undefined
  upstream: string | undefined
  upstreamStatus: number | undefined
  responseModel: string | undefined
  usage: TokenUsage | undefined
  stream: StreamFacts | undefined
  /** Status inside the encryption. */
  innerStatus: number | undefined
  bytesIn = 0
  bytesOut = 0
  readonly #startedAt = performance.now()
  readonly #steps: Partial<Record<Step, StepTime>> = {}
  readonly #observers: CompletionObserver[]
  #refusal: RefusalCode | undefined
  #working = 0
  #closed:
    | {
        status: number | null
        totalMs: number
        resolve: (end: CompletionEnd) => void
      }
    | undefined

  constructor(
    { requestId, payloadId, wire }: RequestIdentity,
    observers: readonly CompletionObserver[] = [],
  ) {
    this.requestId = requestId
    this.payloadId = payloadId
    this.wire = wire
    // Wire 1 has no other.
    this.endpoint = wire === 1 ? 'POST /v1/chat/completions' : undefined
    this.#observers = [...observers]
  }

  /** Returns the time in milliseconds since 1970, by the clock that measures the steps. */
  nowMs(): number {
    return this.startedAtMs + this.#elapsed()
  }

  /** Adds a receiver of this record. */
  subscribe(observer: CompletionObserver): void {
    this.#observers.push(observer)
  }

  /** Starts to measure a step. The first call of the returned function ends it. */
  begin(step: Step): () => void {
    const startMs = this.#elapsed()
    let ended = false
    return () => {
      if (!ended) this.#steps[step] = { startMs, durationMs: this.#elapsed() - startMs }
      ended = true
    }
  }

  /** Measures a step, including a failed one. */
  async time<T>(step: Step, work: () => Promise<T>): Promise<T> {
    const end = this.begin(step)
    try {
      return await work()
    } finally {
      end()
    }
  }

  /** Keeps the record open until the work has ended. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#working++
    try {
      return await work()
    } finally {
      this.#working--
      this.#publish()
    }
  }

  /** Sets the outcome of a refused request. */
  refuse(code: RefusalCode): void {
    this.#refusal = code
  }

  /**
   * Ends the request. Resolves with its record when no work for it is left, after the observers have
   * received it. Must be called once.
   */
  close(status: number | null): Promise<CompletionEnd> {
    const totalMs = this.#elapsed()
    return new Promise((resolve) => {
      this.#closed = { status, totalMs, resolve }
      this.#publish()
    })
  }

  #publish(): void {
    if (this.#closed === undefined || this.#working > 0) return
    const { status, totalMs, resolve } = this.#closed
    this.#closed = undefined
    const record: CompletionRecord = {
      requestId: this.requestId,
      payloadId: this.payloadId,
      wire: this.wire,
      endpoint: this.endpoint,
      startedAtMs: this.startedAtMs,
      totalMs,
      steps: { ...this.#steps },
      outcome: status === null ? 'disconnected' : (this.#refusal ?? 'ok'),
      status: status === null ? null : (this.innerStatus ?? status),
      admitted: this.admitted,
      keyName: this.keyName,
      tier: this.tier,
      model: this.model,
      upstream: this.upstream,
      upstreamStatus: this.upstreamStatus,
      responseModel: this.responseModel,
      usage: this.usage,
      stream: this.stream,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
    }
    const failures: unknown[] = []
    for (const observer of this.#observers) {
      try {
        observer.completed(record)
      } catch (error) {
        // The other observers still receive it.
        failures.push(error)
      }
    }
    resolve({ record, failures })
  }

  #elapsed(): number {
    return performance.now() - this.#startedAt
  }
}
