import type { WireInfo } from '@nomyo/client'
import type { ProxyConfig } from '../config/config.js'
import type { Trust } from '../upstream/trust.js'

/** Facts that a report is made of. */
export interface ReportFacts {
  readonly config: ProxyConfig
  readonly trust: Trust
  /** Result of the checks before a request; an error where one failed. */
  readonly outcome: WireInfo | ReportedFailure
  readonly now: Date
}

/** Failure of the checks before a request. */
export interface ReportedFailure {
  readonly code: string
  readonly message: string
}
