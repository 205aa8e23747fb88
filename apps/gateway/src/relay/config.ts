import type { RateLimit } from '../access/rate/rate-limit.js'
import type { TlsConfig } from '../config/config.js'

/** Settings of a relay. */
export interface RelayConfig {
  /** Base URL of the gateway that the requests are for. */
  readonly gateway: string
  /** Address that requests to the gateway come from. Default: chosen by the system. */
  readonly sourceAddress?: string | undefined
  readonly host: string
  readonly port: number
  readonly tls?: TlsConfig | undefined
  readonly trustedProxies: readonly string[]
  readonly corsOrigins: readonly string[]
  /** Limit of each address. Default: none. */
  readonly rateLimit?: RateLimit | undefined
  /** Exchanges in flight, in all. */
  readonly maxRequests: number
  /** Exchanges in flight of one address. */
  readonly maxRequestsPerAddress: number
  /** Size of the largest request, in bytes. */
  readonly maxBodyBytes: number
  readonly maxConnections?: number | undefined
  readonly maxConnectionsPerAddress?: number | undefined
  /** Time for a request to arrive, in milliseconds. */
  readonly requestTimeoutMs: number
  /** Time without a byte in either direction that ends an exchange, in milliseconds. */
  readonly idleTimeoutMs: number
  /** Time that ends an exchange whatever happens, in milliseconds. */
  readonly totalTimeoutMs: number
  /** Time for exchanges in flight to finish when the relay stops, in milliseconds. */
  readonly drainTimeoutMs: number
}
