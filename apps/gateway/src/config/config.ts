import type { EphemeralKeyOptions, PersistentKeyOptions } from '@nomyo/tpm'
import type { Quotas } from '../access/quota/quota.js'
import type { RateLimit } from '../access/rate/rate-limit.js'
import type { RequestRules } from '../access/policy/request-rules.js'
import type { PolicyConfig } from '../access/policy/tier-policy.js'
import type { RedisFailure } from '../redis/failure-mode.js'
import type { HealthCheckConfig } from '../upstreams/pool/health.js'
import type { EmbeddedModelConfig } from '../upstreams/embedded/config.js'
import type { UpstreamConfig } from '../upstreams/pool/upstream.js'

/** Least severity that is logged. */
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug'

/** Form of the log. */
export type LogFormat = 'text' | 'json'

/** Settings of a gateway. */
export interface GatewayConfig {
  /** Address to listen on. */
  host: string
  /** Port to listen on; 0 for any free one. */
  port: number
  /** Source of the answers. */
  engine:
    | { kind: 'demo' }
    | ({ kind: 'model' } & EmbeddedModelConfig)
    | {
        kind: 'openai'
        baseUrl: string
        apiKey: string | undefined
        caFile?: string | undefined
        healthPath?: string | undefined
      }
    | { kind: 'upstreams'; upstreams: readonly UpstreamConfig[]; health?: HealthCheckConfig }
  /**
   * Accepted bearer tokens, each of at least 16 visible ASCII characters. Default: none; without
   * {@link GatewayConfig.keysFile} too, no key is required.
   */
  apiKeys?: readonly string[] | undefined
  /** File of further API keys, as `nomyo-gateway keys` writes it. Default: none. */
  keysFile?: string | undefined
  /** Folder of `private_key.pem` and `public_key.pem`; without one the key is in memory only. */
  keyDir: string | undefined
  /**
   * Stores server keys in {@link GatewayConfig.redis} instead of a folder, encrypted with the key
   * password, which is then required. Default false.
   */
  sharedKeys?: boolean | undefined
  /** Password and rotation of server keys. Default: no password, no rotation. */
  keys?: KeyConfig | undefined
  /** Keys of wire 2. Default: in memory, or none with {@link GatewayConfig.redis}. */
  requestKeys?: RequestKeyConfig | undefined
  /** The oldest wire that is served; with `2`, requests of wire 1 are refused with 426. Default `1.0`. */
  minWire?: '1.0' | '2' | undefined
  /** Size of the largest request body, in bytes. */
  maxBodyBytes: number
  /**
   * Size of the largest request of wire 2 whose content is a form with a file, in bytes. Above `maxBodyBytes`, it is
   * not held in memory, but passes through. Default 128 MiB, or `maxBodyBytes` if that is more.
   */
  maxUploadBytes?: number | undefined
  /** Also decrypts requests of nomyo-js 0.1, which append the tag to the ciphertext. Default false. */
  acceptLegacyTag?: boolean | undefined
  /**
   * Origins whose web pages may use the gateway, exactly as browsers send them
   * (`https://app.example`), or `*` for all. Default: none.
   */
  corsOrigins?: readonly string[]
  /** TPM that quotes the boot measurements of this machine. Default: none. */
  tpm?: TpmConfig | undefined
  /** Time for which repeated envelopes and payload ids are refused. Default 10 minutes. */
  replayWindowMs?: number | undefined
  /**
   * Date of now in requests of wire 2. Where it is optional, requests are remembered for the whole life of their
   * key. Default `required`.
   */
  requestDate?: 'required' | 'optional' | undefined
  /** Authorities that requests of wire 2 may name, each a host or `host:port`. Default: every one. */
  publicNames?: readonly string[] | undefined
  /** Pace and form of streamed answers. */
  streams?: StreamConfig | undefined
  /** Limit per API key, or per address where no keys are required. Default: no limit. */
  rateLimit?: (RateLimit & { readonly coolDownMs?: number | undefined }) | undefined
  /** Quotas of API keys without quotas of their own, per calendar day or month in UTC. Default: none. */
  quotas?: Quotas | undefined
  /**
   * Time for which a caller is refused that ignores its refusals for a minute, in milliseconds; 0 for none.
   * Also applies to API keys with a limit of their own. `rateLimit.coolDownMs` wins. Default: a minute.
   */
  rateCoolDownMs?: number | undefined
  /**
   * Redis (`redis://…`, `redis+cluster://…`, `redis+sentinel://…`) in which gateways share replay caches and
   * rate counters, and the behaviour without it. Default: each gateway has its own.
   */
  redis?: { readonly url: string; readonly failure?: RedisFailure | undefined } | undefined
  /** Limits for the members of requests. Default: those of {@link RequestRules}. */
  requests?: RequestRules | undefined
  /** Rules of the security tiers. Default: tiers are repeated in answers and have no effect. */
  policy?: PolicyConfig | undefined
  /** Serves HTTPS. Default: plain HTTP. */
  tls?: TlsConfig | undefined
  /**
   * Serves the chat page of `@nomyo/web`. Requires a loopback {@link GatewayConfig.host}, or
   * {@link GatewayConfig.tls}: elsewhere browsers provide no WebCrypto. Default false.
   */
  web?: boolean | undefined
  /** Addresses or networks of proxies whose `X-Forwarded-For` is trusted. Default: none. */
  trustedProxies?: readonly string[] | undefined
  /**
   * Addresses or networks of relays, each of which stands for many clients: no limit per address applies to them.
   * Default: none.
   */
  knownRelays?: readonly string[] | undefined
  /** Limits for concurrent work. */
  load?: LoadConfig | undefined
  /** Separate listener for Prometheus metrics. Default: none. */
  metrics?: { host: string; port: number } | undefined
  /** Traces of encrypted requests, exported by OTLP. Default: none. */
  tracing?: TracingConfig | undefined
  /**
   * Time at the start of the shutdown in which requests are still accepted while `/ready` is 503, in
   * milliseconds. Default 0.
   */
  drainDelayMs?: number | undefined
  /**
   * Time for which the shutdown then waits for requests in flight before it closes their connections, in
   * milliseconds. Default: a minute more than the longest time that an upstream may take to answer.
   */
  drainTimeoutMs?: number | undefined
  logLevel: LogLevel
  /** Files that these settings were read from, whose access rights are checked at start. Default: none. */
  sources?: readonly SourceFile[] | undefined
  /** Form of the log: text for people, or one JSON object per line. Default: JSON. */
  logFormat?: LogFormat | undefined
  /** Logs the names of models, which callers encrypt. Default true. */
  logModels?: boolean | undefined
}

/** File that settings were read from. */
export interface SourceFile {
  readonly path: string
  /** It holds a secret and nothing else. */
  readonly isSecret: boolean
}

/** Password and rotation of server keys. */
export interface KeyConfig {
  /** Password of the key files; new files are encrypted with it. */
  password?: string | undefined
  /** File that contains the password, instead. */
  passwordFile?: string | undefined
  /** Age at which the next key is created, in milliseconds. Default: no automatic rotation. */
  rotationMs?: number | undefined
  /** Time for which the previous key still decrypts, in milliseconds. Default 24 hours. */
  overlapMs?: number | undefined
  /**
   * Time for which a new key only decrypts before it is published, so that every gateway with the same
   * keys decrypts with it by then, in milliseconds. Default 6000.
   */
  leadMs?: number | undefined
  /** Time for which the previous identity key still signs, in milliseconds. Default 30 days. */
  identityOverlapMs?: number | undefined
}

/** Place and rotation of request keys, which requests of wire 2 are encrypted to. */
export interface RequestKeyConfig {
  /**
   * `memory` of this gateway; {@link GatewayConfig.redis}, encrypted with the key password, for gateways
   * that have one address; or `off`, without wire 2. Default: `memory`, and `off` with Redis.
   */
  place?: 'memory' | 'redis' | 'off' | undefined
  /** Time after which the next keys are listed, in milliseconds, up to 24 hours. Default an hour. */
  rotationMs?: number | undefined
  /** Also lists an X25519 key, for clients of other projects. Default false. */
  classic?: boolean | undefined
}

/** Export of traces by OpenTelemetry, whose SDK must be installed. */
export interface TracingConfig {
  /** URL that receives traces by OTLP over HTTP, usually ending in `/v1/traces`. */
  endpoint: string
}

/** PEM files without a password; `reload()` reads them again. */
export interface TlsConfig {
  /** The certificate, followed by those of its issuers. */
  certFile: string
  keyFile: string
}

/** Limits for concurrent work; anything beyond is refused with 503. */
export interface LoadConfig {
  /** Envelopes decrypted at the same time. Default: two more than libuv's threads that have a core. */
  maxOpens?: number | undefined
  /** Envelopes that wait for decryption. Default 64. */
  maxQueue?: number | undefined
  /**
   * Encrypted requests in flight, from their headers to their answers. One caller may hold as many as
   * are free. Default 512.
   */
  maxRequests?: number | undefined
  /** Encrypted requests in flight of one caller. Default: as many as are free. */
  maxRequestsPerCaller?: number | undefined
  /**
   * Memory of encrypted requests in flight and their answers, in bytes. One caller may hold as much as
   * is free. Default 256 MiB, or seven times `maxBodyBytes` if that is more.
   */
  maxBytesInFlight?: number | undefined
  /** JSON values of a request, at all levels. Default 250 000. */
  maxJsonValues?: number | undefined
  /** Connections; further ones are closed silently. Default 4096. */
  maxConnections?: number | undefined
  /**
   * Connections of one address (IPv6: of a /64), unless there are trusted proxies. Default: half of
   * `maxConnections`.
   */
  maxConnectionsPerAddress?: number | undefined
  /**
   * Time for a request to arrive, and for the caller to read the answer, in milliseconds. At most 20
   * seconds of it are for the headers. Default 120 000.
   */
  requestTimeoutMs?: number | undefined
  /**
   * Time for a request above `maxBodyBytes` to arrive, in milliseconds. At most 30 seconds of it without a part.
   * Default 900 000.
   */
  uploadTimeoutMs?: number | undefined
}

/** Pace and form of streamed answers. */
export interface StreamConfig {
  /** Time for which events are gathered into one encrypted chunk, in milliseconds. Default 50. */
  intervalMs?: number | undefined
  /** Multiple of bytes to which encrypted chunks are filled, 0 for none. Default 512. */
  paddingBytes?: number | undefined
  /** Longest silence of a model server within a stream, in milliseconds. Default 300 000. */
  idleTimeoutMs?: number | undefined
}

/** TPM, quoted registers, and behaviour without evidence. */
export interface TpmConfig {
  /** `device` (which is `/dev/tpmrm0`), another device, `unix:///path` or `tcp://host:port`. */
  address: string
  /** In the notation of tpm2-tools: `sha256:0,7,10`, or several banks as `sha256:0+sha384:0`. */
  pcrs: string
  /** The attestation key. Only a persistent one can be pinned or endorsed. */
  ak: PersistentKeyOptions | EphemeralKeyOptions
  /** Refuses to start, and to answer, without evidence. */
  required: boolean
  /** Longest wait for a quote, in milliseconds. Default 10 000. */
  timeoutMs?: number | undefined
}
