import type { LogLevel } from './log.js'

/** Where the token of callers comes from. */
export type TokenSource =
  | { readonly kind: 'made' | 'none' }
  | { readonly kind: 'given'; readonly token: string }
  | { readonly kind: 'file'; readonly path: string }

/** Everything a proxy is told at start. */
export interface ProxyConfig {
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
  /** Names beside those of loopback that may stand in a Host header. */
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
  readonly token: TokenSource
  readonly gateway: { readonly url: string; readonly allowHttp: boolean }
  /** The key for the gateway. */
  readonly apiKey:
    | { readonly kind: 'none' }
    | { readonly kind: 'given'; readonly key: string }
    | { readonly kind: 'file'; readonly path: string }
  readonly pins: readonly string[]
  readonly knownServers: string | undefined
  readonly attestation:
    | {
        readonly policyFile: string
        readonly when: 'before-send' | 'after-response'
        readonly tier: 'affirming' | 'warning' | 'none'
      }
    | undefined
  /** For requests that name none. */
  readonly securityTier: 'none' | 'standard' | 'high' | 'maximum'
  readonly maxConcurrency: number
  readonly logLevel: LogLevel
  /** Whether somebody at a terminal is told how to go on. */
  readonly firstScreen: boolean
}
