import type { Registry } from 'prom-client'
import { watchGauge } from './watch-gauge.js'

/** Adds the metric of the queue before a model in this process. */
export function watchModel(registry: Registry, waiting: () => number): void {
  watchGauge(
    registry,
    'nomyo_model_requests_waiting',
    'Requests that wait for the model in this process.',
    waiting,
  )
}
