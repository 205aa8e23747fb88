import { SecurityError } from '@nomyo/crypto'
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { ShedCause } from '../completion/load-shedder.js'
import type { UpstreamState } from '../upstreams/engine.js'

/** The parts of an answer that take time. */
export type Step = 'open' | 'engine' | 'quote' | 'seal'

/** From an RSA operation to a long answer of a large model. */
const BUCKETS_S = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
]

/**
 * What a gateway counts. Every label has few values, all fixed here or in the code: nothing of a
 * request, such as its payload id, key or model, is ever one.
 */
export class Metrics {
  readonly registry = new Registry()
  readonly #steps = new Histogram({
    name: 'nomyo_step_duration_seconds',
    help: 'Time taken by the steps of an answer, also where they failed.',
    labelNames: ['step'],
    buckets: BUCKETS_S,
    registers: [this.registry],
  })
  readonly #opens = new Counter({
    name: 'nomyo_opens_total',
    help: 'Sealed requests, by what came of opening them: opened, or the code of the failure.',
    labelNames: ['result'],
    registers: [this.registry],
  })
  readonly #requests = new Counter({
    name: 'nomyo_requests_total',
    help: 'HTTP requests, by route and status; gone where the caller did not wait for the answer.',
    labelNames: ['route', 'status'],
    registers: [this.registry],
  })
  readonly #inFlight = new Gauge({
    name: 'nomyo_requests_in_flight',
    help: 'HTTP requests that are being answered.',
    registers: [this.registry],
  })
  readonly #sheds = new Counter({
    name: 'nomyo_shed_total',
    help: 'Sealed requests turned away for want of capacity, by what was full.',
    labelNames: ['cause'],
    registers: [this.registry],
  })
  readonly #attestationFailures = new Counter({
    name: 'nomyo_attestation_failures_total',
    help: 'Quotes that were wanted and not had.',
    registers: [this.registry],
  })

  /** Also watches the process from now on: memory, processor time, event-loop delay. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.registry })
  }

  /** Tells from now on how many sealed requests wait to be opened. */
  watchQueue(waiting: () => number): void {
    const gauge = new Gauge({
      name: 'nomyo_open_queue',
      help: 'Sealed requests that wait to be opened.',
      registers: [this.registry],
      collect: () => {
        gauge.set(waiting())
      },
    })
  }

  /** Tells from now on how the model servers are. */
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
      'Whether a model server is well (1) or spared for now (0), by its name in the configuration.',
      ({ healthy }) => (healthy ? 1 : 0),
    )
    gauge(
      'nomyo_upstream_requests_in_flight',
      'Requests a model server is working on.',
      ({ inFlight }) => inFlight,
    )
  }

  async time<T>(step: Step, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now()
    try {
      return await work()
    } finally {
      this.#steps.observe({ step }, (performance.now() - startedAt) / 1000)
    }
  }

  /** The same for opening, whose outcome is counted too. */
  async timeOpen<T>(work: () => Promise<T>): Promise<T> {
    try {
      const opened = await this.time('open', work)
      this.#opens.inc({ result: 'opened' })
      return opened
    } catch (error) {
      this.#opens.inc({ result: error instanceof SecurityError ? error.code : 'fault' })
      throw error
    }
  }

  shed(cause: ShedCause): void {
    this.#sheds.inc({ cause })
  }

  attestationFailed(): void {
    this.#attestationFailures.inc()
  }

  requestBegan(): void {
    this.#inFlight.inc()
  }

  /**
   * @param route - as it was registered; undefined where none fits
   * @param status - undefined where the caller has gone before the answer
   */
  requestEnded(route: string | undefined, status: number | undefined): void {
    this.#inFlight.dec()
    this.#requests.inc({ route: route ?? 'none', status: status?.toString() ?? 'gone' })
  }
}
