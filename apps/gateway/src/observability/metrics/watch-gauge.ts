import { Gauge, type Registry } from 'prom-client'

/** Adds a metric whose value is read whenever metrics are collected; it has no sample without a value. */
export function watchGauge(
  registry: Registry,
  name: string,
  help: string,
  value: () => number | undefined,
): void {
  const metric = new Gauge({
    name,
    help,
    registers: [registry],
    collect: () => {
      const current = value()
      if (current === undefined) metric.remove()
      else metric.set(current)
    },
  })
}
