import type { EphemeralKeyOptions, PersistentKeyOptions } from '@nomyo/tpm'
import type { HealthCheckConfig } from '../upstreams/pool.js'
import type { UpstreamConfig } from '../upstreams/upstream.js'
import type { LogLevel } from '../observability/log.js'
import type { RateLimit } from '../access/rate-limit.js'
import type { RedisFailure } from '../redis/redis-failure.js'
import type { PolicyConfig } from '../access/tier-policy.js'

/** Everything a gateway needs to know. */
export interface GatewayConfig {
  /** Address to listen on. */
  host: string
  /** Port to listen on; 0 for any free one. */
  port: number
  /** What answers requests. */
  engine:
    | { kind: 'demo' }
    | {
        kind: 'openai'
        baseUrl: string
        apiKey: string | undefined
        caFile?: string | undefined
      }
    | { kind: 'upstreams'; upstreams: readonly UpstreamConfig[]; health?: HealthCheckConfig }
  /** Bearer tokens that are let in; with none, and no {@link GatewayConfig.keysFile}, everybody is. */
  apiKeys: readonly string[]
  /** File of further API keys, as `nomyo-gateway keys` writes it. Default: none. */
  keysFile?: string | undefined
  /** Folder of `private_key.pem` and `public_key.pem`; without one the key lives in memory only. */
  keyDir: string | undefined
  /**
   * Keeps server keys in {@link GatewayConfig.redis} instead of a folder, encrypted with the key
   * password, which is needed then. Default false.
   */
  sharedKeys?: boolean | undefined
  /** How server keys are read and when they change. Default: no password, no rotation. */
  keys?: KeyConfig | undefined
  /** Largest request body, in bytes. */
  maxBodyBytes: number
  /** Also opens what nomyo-js 0.1 sends: no tag member, the tag at the end of the ciphertext. Default false. */
  acceptLegacyTag?: boolean | undefined
  /**
   * Origins whose web pages may use the gateway, exactly as browsers send them
   * (`https://app.example`), or `*` for all. Default: none.
   */
  corsOrigins?: readonly string[]
  /** The TPM that quotes what this machine booted. Default: none. */
  tpm?: TpmConfig | undefined
  /** How long envelopes and payload ids are remembered, and refused when they come again. Default 10 min. */
  replayWindowMs?: number | undefined
  /**
   * How often a key may ask, or an address where no keys are needed; who goes on for a minute when
   * refused is sent away for `coolDownMs` (default 30 min). Default: as often as it likes.
   */
  rateLimit?: (RateLimit & { readonly coolDownMs?: number | undefined }) | undefined
  /**
   * Redis (`redis://…`, `rediss://…`) through which gateways share what they remember of replays and
   * rates, and what to do without it. Default: each remembers by itself.
   */
  redis?: { readonly url: string; readonly failure?: RedisFailure | undefined } | undefined
  /** What the security tiers mean here. Default: they are told to callers and mean nothing. */
  policy?: PolicyConfig | undefined
  /** Serves HTTPS. Default: plain HTTP. */
  tls?: TlsConfig | undefined
  /**
   * Serves the chat page of `@nomyo/web`. Needs a loopback {@link GatewayConfig.host}, or
   * {@link GatewayConfig.tls}: elsewhere browsers have no WebCrypto. Default false.
   */
  web?: boolean | undefined
  /** Proxies whose `X-Forwarded-For` is believed: addresses or networks. Default: none. */
  trustedProxies?: readonly string[] | undefined
  /** How much is taken on at a time. */
  load?: LoadConfig | undefined
  /** Where Prometheus metrics are told, apart from everything else. Default: nowhere. */
  metrics?: { host: string; port: number } | undefined
  /**
   * How long requests are still taken, with `/ready` saying no, once the gateway is to close, in
   * milliseconds. Default 0.
   */
  drainDelayMs?: number | undefined
  logLevel: LogLevel
}

/** How server keys are read and when they change. */
export interface KeyConfig {
  /** Of the key files; new ones are encrypted with it. */
  password?: string | undefined
  /** A file that holds the password, instead. */
  passwordFile?: string | undefined
  /** Age at which a key is followed by the next, in milliseconds. Default: never by itself. */
  rotationMs?: number | undefined
  /** How long the key before still opens, in milliseconds. Default 24 hours. */
  overlapMs?: number | undefined
  /**
   * How long a new key only opens before it is handed out, so that every gateway with the same keys
   * opens it by then, in milliseconds. Default 6000.
   */
  leadMs?: number | undefined
}

/** Files as PEM, without a password; read again by `reload()`. */
export interface TlsConfig {
  /** The certificate, followed by those of its issuers. */
  certFile: string
  keyFile: string
}

/** How much is taken on at a time; what is more is refused with 503. */
export interface LoadConfig {
  /** Envelopes opened at the same time. Default: the number of cores, at most libuv's threads. */
  maxOpens?: number | undefined
  /** Envelopes that wait to be opened. Default 64. */
  maxQueue?: number | undefined
  /** Sealed requests in flight, from their headers to their answers. Default 512. */
  maxRequests?: number | undefined
  /** Connections; more are closed without a word. Default 4096. */
  maxConnections?: number | undefined
  /**
   * Connections of one address (IPv6: of a /64), unless there are trusted proxies. Default: half of
   * `maxConnections`.
   */
  maxConnectionsPerAddress?: number | undefined
  /**
   * Time for a request to arrive, and for the caller to take the answer, in milliseconds. Headers
   * have 20 seconds of it at most. Default 120 000.
   */
  requestTimeoutMs?: number | undefined
}

/** Which TPM quotes what, and what to do without it. */
export interface TpmConfig {
  /** `device` (which is `/dev/tpmrm0`), another device, `unix:///path` or `tcp://host:port`. */
  address: string
  /** As tpm2-tools write it: `sha256:0,7,10`, several banks as `sha256:0+sha384:0`. */
  pcrs: string
  /** The attestation key. Only a persistent one can be pinned or endorsed. */
  ak: PersistentKeyOptions | EphemeralKeyOptions
  /** Whether to start without evidence, and to answer without it, is out of the question. */
  required: boolean
  /** Longest wait for a quote, in milliseconds. Default 10 000. */
  timeoutMs?: number | undefined
}
