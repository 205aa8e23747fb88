import type { LogLevel } from './log.js'

/** Everything a gateway needs to know. */
export interface GatewayConfig {
  /** Address to listen on. */
  host: string
  /** Port to listen on; 0 for any free one. */
  port: number
  /** What answers requests. */
  engine: { kind: 'demo' } | { kind: 'openai'; baseUrl: string; apiKey: string | undefined }
  /** Bearer tokens that are let in; with none, everybody is. */
  apiKeys: readonly string[]
  /** Folder of `private_key.pem` and `public_key.pem`; without one the key lives in memory only. */
  keyDir: string | undefined
  /** Largest request body, in bytes. */
  maxBodyBytes: number
  /**
   * Origins whose web pages may use the gateway, exactly as browsers send them
   * (`https://app.example`), or `*` for all. Default: none.
   */
  corsOrigins?: readonly string[]
  logLevel: LogLevel
}
