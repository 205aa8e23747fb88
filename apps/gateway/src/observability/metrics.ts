import { onResponseClosed } from '@nomyo-internal/http-server'
import type { TpmAttestation } from '@nomyo/attest'
import { SecurityError } from '@nomyo/crypto'
import type { FastifyInstance } from 'fastify'
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { UpstreamState } from '../upstreams/engine.js'

/** Reason for a rejection. `gone`: the caller disconnected. */
export type OverloadCause = 'queue' | 'requests' | 'gone'

/** Timed step of an answer. */
export type Step = 'open' | 'engine' | 'quote' | 'seal'

/** From one RSA operation to the longest answer of a large model. */
const BUCKETS_S = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
]

/**
 * Prometheus metrics of a gateway. Every label has few values, all fixed in the code or the
 * configuration: nothing of a request, such as its payload id, key or model, becomes one.
 */
export class Metrics {
  readonly registry = new Registry()
  readonly #steps = new Histogram({
    name: 'nomyo_step_duration_seconds',
    help: 'Duration of the steps of an answer, including failed ones.',
    labelNames: ['step'],
    buckets: BUCKETS_S,
    registers: [this.registry],
  })
  readonly #opens = new Counter({
    name: 'nomyo_opens_total',
    help: 'Encrypted requests by the result of their decryption: opened, or the code of the failure.',
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
  readonly #attestationFailures = new Counter({
    name: 'nomyo_attestation_failures_total',
    help: 'Quotes that were requested and could not be created.',
    registers: [this.registry],
  })

  /** Adds metrics of the process: memory, processor time, event-loop delay. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.registry })
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

  /** Adds a metric of the requests that wait for decryption. */
  watchQueue(waiting: () => number): void {
    const gauge = new Gauge({
      name: 'nomyo_open_queue',
      help: 'Encrypted requests that wait for decryption.',
      registers: [this.registry],
      collect: () => {
        gauge.set(waiting())
      },
    })
  }

  /** Adds metrics of the model servers. */
  watchUpstreams(upstreams: () => readonly UpstreamState[]): void {
    const gauge = (
      name: string,
      help: string,
      value: (upstream: UpstreamState) => number,
    ): void => {
      const metric = new Gauge({
        name,
        help,
        labelNames: ['upstream'],
        registers: [this.registry],
        collect: () => {
          for (const upstream of upstreams())
            metric.set({ upstream: upstream.name }, value(upstream))
        },
      })
    }
    gauge(
      'nomyo_upstream_healthy',
      'Health of a model server: 1 if healthy, 0 if taken out of rotation. Labelled by its configured name.',
      ({ healthy }) => (healthy ? 1 : 0),
    )
    gauge(
      'nomyo_upstream_requests_in_flight',
      'Requests in progress at a model server.',
      ({ inFlight }) => inFlight,
    )
  }

  /** Measures a step, including a failed one. */
  async time<T>(step: Step, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now()
    try {
      return await work()
    } finally {
      this.#steps.observe({ step }, (performance.now() - startedAt) / 1000)
    }
  }

  /** Measures a decryption and counts its result. */
  async timeDecryption<T>(work: () => Promise<T>): Promise<T> {
    try {
      const opened = await this.time('open', work)
      this.#opens.inc({ result: 'opened' })
      return opened
    } catch (error) {
      this.#opens.inc({ result: error instanceof SecurityError ? error.code : 'fault' })
      throw error
    }
  }

  /** Measures a quote and counts a missing one. */
  async timeQuote(work: () => Promise<TpmAttestation>): Promise<TpmAttestation> {
    let quoted = false
    try {
      const evidence = await this.time('quote', work)
      quoted = evidence.is_available
      return evidence
    } finally {
      if (!quoted) this.#attestationFailures.inc()
    }
  }

  countRejection(cause: OverloadCause): void {
    this.#rejections.inc({ cause })
  }
}
