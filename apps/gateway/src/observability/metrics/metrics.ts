import { getHeapStatistics } from 'node:v8'
import { onResponseClosed } from '@nomyo-internal/http-server'
import type { TpmAttestation } from '@nomyo/attest'
import { SecurityError } from '@nomyo/crypto'
import type { FastifyInstance } from 'fastify'
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { QuotaState } from '../../access/quota/quota-guard.js'
import { HttpError, type RefusalCode } from '../../http-error.js'
import { CompletionMetrics } from './completion-metrics.js'
import { ConnectionMetrics } from './connection-metrics.js'
import { watchGauge } from './watch-gauge.js'

/**
 * Reason for a rejection: a resource that all callers together, or one caller alone, have exhausted.
 * `gone`: the caller disconnected.
 */
export type OverloadCause =
  'queue' | 'requests' | 'caller_requests' | 'bytes' | 'caller_bytes' | 'gone'

/**
 * Prometheus metrics of a gateway. Every label has few values, all fixed in the code or the
 * configuration: nothing of a request, such as its payload id or model, becomes one.
 */
export class Metrics {
  readonly registry = new Registry()
  /** Receiver of the records of encrypted requests. */
  readonly completions = new CompletionMetrics(this.registry)
  readonly connections = new ConnectionMetrics(this.registry)
  readonly #decryptions = new Counter({
    name: 'nomyo_decryptions_total',
    help: 'Encrypted requests by the result of their decryption: decrypted, or the code of the failure.',
    labelNames: ['result'],
    registers: [this.registry],
  })
  readonly #requests = new Counter({
    name: 'nomyo_requests_total',
    help: 'HTTP requests by route and status; gone if the caller disconnected before the answer.',
    labelNames: ['route', 'status'],
    registers: [this.registry],
  })
  readonly #inFlight = new Gauge({
    name: 'nomyo_requests_in_flight',
    help: 'HTTP requests in progress.',
    registers: [this.registry],
  })
  readonly #rejections = new Counter({
    name: 'nomyo_shed_total',
    help: 'Encrypted requests rejected for lack of capacity, by the exhausted resource.',
    labelNames: ['cause'],
    registers: [this.registry],
  })
  readonly #refusals = new Counter({
    name: 'nomyo_refusals_total',
    help: 'Refused HTTP requests by cause.',
    labelNames: ['cause'],
    registers: [this.registry],
  })
  readonly #tracedSpans = new Counter({
    name: 'nomyo_trace_spans_total',
    help: 'Spans of traces by the result of their export: exported or lost.',
    labelNames: ['result'],
    registers: [this.registry],
  })
  readonly #reloads = new Counter({
    name: 'nomyo_reloads_total',
    help: 'Reloads of the settings by result: reloaded, or failed without a change.',
    labelNames: ['result'],
    registers: [this.registry],
  })
  readonly #attestationFailures = new Counter({
    name: 'nomyo_attestation_failures_total',
    help: 'Quotes that were requested and could not be created.',
    registers: [this.registry],
  })

  constructor() {
    // From 0 on, the first failure is an increase.
    for (const result of ['reloaded', 'failed']) this.#reloads.inc({ result }, 0)
  }

  /** Adds metrics of the process: memory, processor time, event-loop delay. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.registry })
    const limit = new Gauge({
      name: 'nomyo_heap_limit_bytes',
      help: 'Size at which the heap of JavaScript is full, which ends the process.',
      registers: [this.registry],
    })
    limit.set(getHeapStatistics().heap_size_limit)
  }

  /** Counts every request of a server. Must come before hooks that may refuse one. */
  watchRequests(server: FastifyInstance): void {
    server.addHook('onRequest', (request, { raw }, done) => {
      this.#inFlight.inc()
      // Not `onResponse`: a caller that disconnects causes none.
      onResponseClosed(raw, () => {
        this.#inFlight.dec()
        const status = raw.writableFinished ? raw.statusCode.toString() : 'gone'
        this.#requests.inc({ route: request.routeOptions.url ?? 'none', status })
      })
      done()
    })
  }

  /** Adds metrics of the work in progress. */
  watchLoad(load: { readonly waiting: () => number; readonly bytes: () => number }): void {
    watchGauge(
      this.registry,
      'nomyo_open_queue',
      'Encrypted requests that wait for decryption.',
      load.waiting,
    )
    watchGauge(
      this.registry,
      'nomyo_bytes_in_flight',
      'Memory reserved for encrypted requests and their answers, in bytes.',
      load.bytes,
    )
  }

  /** Adds a metric of the quotas of API keys. */
  watchQuotas(states: () => readonly QuotaState[]): void {
    const gauge = new Gauge({
      name: 'nomyo_quota_used_ratio',
      help: 'Used part of a quota in its present window, by name of the API key and unit.',
      labelNames: ['key', 'unit'],
      registers: [this.registry],
      collect: () => {
        gauge.reset()
        for (const { key, unit, ratio } of states()) gauge.set({ key, unit }, ratio)
      },
    })
  }

  /** Counts the result of a decryption. */
  async countDecryption<T>(work: () => Promise<T>): Promise<T> {
    try {
      const decrypted = await work()
      this.#decryptions.inc({ result: 'decrypted' })
      return decrypted
    } catch (error) {
      // A refusal is no result: its request was not decrypted, for want of capacity or of the request.
      if (!(error instanceof HttpError)) {
        this.#decryptions.inc({ result: error instanceof SecurityError ? error.code : 'fault' })
      }
      throw error
    }
  }

  /** Counts a quote that cannot be created. */
  async countQuote(work: () => Promise<TpmAttestation>): Promise<TpmAttestation> {
    let quoted = false
    try {
      const evidence = await work()
      quoted = evidence.is_available
      return evidence
    } finally {
      if (!quoted) this.#attestationFailures.inc()
    }
  }

  countSpans(result: 'exported' | 'lost', count: number): void {
    this.#tracedSpans.inc({ result }, count)
  }

  /** Counts a reload by its result. */
  countReload(result: 'reloaded' | 'failed'): void {
    this.#reloads.inc({ result })
  }

  countRefusal(cause: RefusalCode): void {
    this.#refusals.inc({ cause })
  }

  countRejection(cause: OverloadCause): void {
    this.#rejections.inc({ cause })
  }
}
