import { Counter, Gauge, type Registry } from 'prom-client'
import type { RedisConnection } from '../../redis/connection.js'
import type { RedisErrorCode } from '../../redis/error-code.js'
import type { RedisObserver, RedisUse } from '../../redis/outages.js'
import { watchGauge } from './watch-gauge.js'

/** Prometheus metrics of a gateway with Redis. */
export class RedisMetrics implements RedisObserver {
  readonly #registry: Registry
  readonly #errors: Counter
  readonly #degraded: Gauge

  constructor(registry: Registry) {
    this.#registry = registry
    this.#errors = new Counter({
      name: 'nomyo_redis_errors_total',
      help: 'Failed commands of Redis by use (replay, rate, quota, keys) and code.',
      labelNames: ['use', 'code'],
      registers: [registry],
    })
    this.#degraded = new Gauge({
      name: 'nomyo_redis_degraded',
      help: '1 while a use refuses, or works without Redis, because Redis fails; otherwise 0.',
      labelNames: ['use'],
      registers: [registry],
    })
    for (const use of ['replay', 'rate'] as const) this.#degraded.set({ use }, 0)
  }

  failed(use: RedisUse, code: RedisErrorCode): void {
    this.#errors.inc({ use, code })
  }

  degraded(use: RedisUse, degraded: boolean): void {
    this.#degraded.set({ use }, degraded ? 1 : 0)
  }

  /** Adds metrics of the connection. */
  watch(redis: RedisConnection): void {
    watchGauge(
      this.#registry,
      'nomyo_redis_up',
      '1 while the connection to Redis is usable, otherwise 0.',
      () => (redis.ready ? 1 : 0),
    )
    watchGauge(
      this.#registry,
      'nomyo_redis_commands_pending',
      'Commands that wait for an answer of Redis.',
      () => redis.pending,
    )
  }
}
