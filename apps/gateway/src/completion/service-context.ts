import type { Caller } from '../access/access-control.js'
import type { QuotaGuard } from '../access/quota/quota-guard.js'
import type { RequestRules } from '../access/policy/request-rules.js'
import type { SecurityTier, TierPolicy } from '../access/policy/tier-policy.js'
import type { Attestor } from '../attestation/attestor.js'
import type { StreamConfig } from '../config/config.js'
import type { EventLoopTurns } from '../json/event-loop-turns.js'
import type { JsonLimits } from '../json/json-scanner.js'
import type { HostMeasurements } from '../metadata/host-metadata.js'
import type {
  CompletionObservation,
  CompletionObserver,
} from '../observability/completion-record.js'
import type { Metrics } from '../observability/metrics/metrics.js'
import type { CompletionTrace, Tracer } from '../observability/tracing/tracer.js'
import type { Engine } from '../upstreams/engine.js'
import type { ListedModels } from '../upstreams/listed-models.js'
import type { Admission, LoadShedder } from './load/load-shedder.js'

/** Settings that a reload replaces together, so that a request sees one version of them. */
export interface CompletionSettings {
  readonly engine: Engine
  readonly policy: TierPolicy | undefined
  readonly requestRules: RequestRules
}

/** Services that admit, answer and observe encrypted requests of every wire. */
export interface ServiceContext {
  /** Returns the settings for a new request. */
  readonly current: () => CompletionSettings
  readonly attestor: Attestor
  /** Size of the largest encrypted request, in bytes. */
  readonly maxBodyBytes: number
  readonly metrics: Metrics
  /** Receivers of the record of every request. */
  readonly observers: readonly CompletionObserver[]
  readonly loadShedder: LoadShedder
  readonly quotaGuard: QuotaGuard
  /** Returns the limits of a decrypted request. */
  readonly jsonLimits: () => JsonLimits
  readonly turns: EventLoopTurns
  readonly tracer: Tracer
  readonly hostMeasurements: HostMeasurements
  /** Returns the pace and form of streams. */
  readonly streams: () => StreamConfig
  readonly listedModels: ListedModels
}

/** Admitted request, and the means to follow it. */
export interface AdmittedRequest {
  readonly settings: CompletionSettings
  /** Identifies the request in evidence and in the metadata of its answer. */
  readonly payloadId: string
  readonly tier: SecurityTier
  readonly caller: Caller
  readonly admission: Admission
  /** Aborts when the caller disconnects. */
  readonly signal: AbortSignal
  /** Collects the facts of this request for logs and metrics. */
  readonly observation: CompletionObservation
  readonly trace: CompletionTrace
}

/** Decrypted request. */
export interface OpenedCompletion extends AdmittedRequest {
  /** JSON of the request; the caller overwrites it after the answer. */
  readonly plaintext: Uint8Array
  /** The tier that the plaintext names counts, as in nomyo-js 0.1. Default false. */
  readonly namesTier?: boolean
  /** Further members of the `_metadata` of the answer. */
  readonly metadata?: Readonly<Record<string, unknown>>
}
