import type { GatewayConfig } from '../config/config.js'

export type Status = 'ok' | 'warning' | 'problem'

/** One thing that was looked at. Holds no secret. */
export interface Finding {
  readonly status: Status
  /** What was seen. */
  readonly message: string
  /** What to do, where it is not ok. */
  readonly remedy?: string
  /** How long it took, where there was a way to go. */
  readonly ms?: number
}

/** Looks at one part of a configuration, and changes nothing. */
export interface Check {
  readonly name: string
  run(config: GatewayConfig): Promise<readonly Finding[]>
}

/** As it should be. */
export const ok = (message: string, ms?: number): Finding => ({
  status: 'ok',
  message,
  ...took(ms),
})

/** A gateway would start and serve, and somebody should know this. */
export const warning = (message: string, remedy: string, ms?: number): Finding => ({
  status: 'warning',
  message,
  remedy,
  ...took(ms),
})

/** A gateway would not start, or would not serve. */
export const problem = (message: string, remedy: string, ms?: number): Finding => ({
  status: 'problem',
  message,
  remedy,
  ...took(ms),
})

const took = (ms: number | undefined): { ms?: number } =>
  ms === undefined ? {} : { ms: Math.round(ms) }
