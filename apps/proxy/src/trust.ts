import type { AttestationEvent } from '@nomyo/client'

/** How the server key came to be believed. */
export type KeyStanding = 'pinned' | 'known' | 'first-use' | 'any'

/** What the last appraisal of the machine came to. */
export interface AttestationFacts {
  readonly tier: string
  readonly trust: string
  readonly subject: AttestationEvent['subject']
  /** ISO 8601. */
  readonly judgedAt: string
}

/** What is known of the gateway at this moment. No secrets. */
export interface Trust {
  fingerprint: string
  standing: KeyStanding
  attestation: AttestationFacts | null
  /** The code of what keeps requests from being sent; undefined where the last one went well. */
  problem: string | undefined
}

/** What the result of an appraisal leaves for others to see. */
export const attestationFacts = ({ subject, result }: AttestationEvent): AttestationFacts => ({
  tier: result.tier,
  trust: result.trust,
  subject,
  judgedAt: new Date().toISOString(),
})
