import type { GatewayConfig } from './config.js'

/** Time that an upstream may take to answer by default. */
const UPSTREAM_TIMEOUT_MS = 600_000
/** For the request to arrive there, and for the answer to be encrypted and read. */
const MARGIN_MS = 60_000

/** Time of the slowest answer that an upstream may give, in milliseconds. */
export function longestAnswerMs({ engine }: GatewayConfig): number {
  if (engine.kind !== 'upstreams') return UPSTREAM_TIMEOUT_MS
  return Math.max(
    ...engine.upstreams.map(({ timeouts }) => timeouts?.totalMs ?? UPSTREAM_TIMEOUT_MS),
  )
}

/** Time for which a shutdown waits for requests in flight, in milliseconds. */
export const drainTimeoutMs = (config: GatewayConfig): number =>
  config.drainTimeoutMs ?? longestAnswerMs(config) + MARGIN_MS
