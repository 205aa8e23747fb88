import { Counter, Gauge, type Registry } from 'prom-client'
import type { UpstreamState } from '../../upstreams/engine.js'
import type { FailureKind } from '../../upstreams/server/upstream-error.js'

/** Metrics of the model servers, labelled by their configured names. */
export class UpstreamMetrics {
  readonly #attempts: Counter<'upstream'>
  readonly #failures: Counter<'upstream' | 'kind'>

  /** @param upstreams - returns the present model servers */
  constructor(registry: Registry, upstreams: () => readonly UpstreamState[]) {
    const registers = [registry]
    const gauge = (
      name: string,
      help: string,
      value: (upstream: UpstreamState) => number,
    ): void => {
      const metric = new Gauge({
        name,
        help,
        labelNames: ['upstream'],
        registers,
        collect: () => {
          // A model server may have been removed.
          metric.reset()
          for (const upstream of upstreams()) {
            metric.set({ upstream: upstream.name }, value(upstream))
          }
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
    this.#attempts = new Counter({
      name: 'nomyo_upstream_attempts_total',
      help: 'Attempts at a model server, of which a request makes at most two, at different servers.',
      labelNames: ['upstream'],
      registers,
    })
    this.#failures = new Counter({
      name: 'nomyo_upstream_failures_total',
      help: 'Failed attempts at a model server by kind.',
      labelNames: ['upstream', 'kind'],
      registers,
    })
  }

  /** Counts an attempt and its result. */
  count(upstream: string, result: 'answered' | FailureKind): void {
    this.#attempts.inc({ upstream })
    if (result !== 'answered') this.#failures.inc({ upstream, kind: result })
  }
}
