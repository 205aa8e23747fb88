export { createGateway, type Gateway, type GatewayOptions } from './gateway.js'
export { GatewayError, type GatewayErrorCode } from './errors.js'
export type {
  GatewayConfig,
  KeyConfig,
  LoadConfig,
  LogLevel,
  SourceFile,
  StreamConfig,
  TlsConfig,
  TpmConfig,
} from './config/config.js'
export type { ReloadReport } from './reload/reloader.js'
export type { Logger } from './observability/log.js'
export type { RateLimit } from './access/rate/rate-limit.js'
export type { RequestRules } from './access/policy/request-rules.js'
export type { PolicyConfig, SecurityTier, TierRule } from './access/policy/tier-policy.js'
export type { OnFailure, RedisFailure } from './redis/failure-mode.js'
export type { UpstreamTimeouts } from './upstreams/server/openai-compatible.js'
export type { HealthCheckConfig } from './upstreams/pool/health.js'
export type { UpstreamConfig } from './upstreams/pool/upstream.js'
