import type { AttestationEvent } from '@nomyo/client'

/** Reason for which the server key is trusted. */
export type KeyStanding = 'pinned' | 'known' | 'first-use' | 'any'

/** Result of the last appraisal of the machine. */
export interface AttestationFacts {
  readonly tier: string
  readonly trust: string
  readonly subject: AttestationEvent['subject']
  /** ISO 8601. */
  readonly judgedAt: string
}

/** Current trust in the gateway. Holds no secret. */
export interface Trust {
  fingerprint: string
  standing: KeyStanding
  attestation: AttestationFacts | null
  /** Code of the error that keeps requests from being sent; undefined after a request that succeeded. */
  problem: string | undefined
}
