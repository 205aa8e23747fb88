import type { AttestationResult } from '@nomyo/attest'
import type { AttestationEvent, WireInfo } from '@nomyo/client'

/** Reason for which the key of the gateway is trusted. */
export type KeyStanding = 'pinned' | 'known' | 'vouched' | 'first-use' | 'any'

/** Result of the last appraisal of the machine. */
export interface AttestationFacts {
  readonly tier: string
  readonly trust: string
  readonly subject: AttestationEvent['subject']
  /** ISO 8601. */
  readonly appraisedAt: string
}

/** Wire of requests. */
export interface WireFacts {
  readonly version: 1 | 2
  readonly reason: WireInfo['reason']
  /** Hash of the key statement; null on wire 1. */
  readonly statementSha256: string | null
}

/** Names the wire for the log, the banner and `/health`. */
export const wireFacts = ({ wire, reason, statement }: WireInfo): WireFacts => ({
  version: wire,
  reason,
  statementSha256: statement?.sha256 ?? null,
})

/** An appraisal of the machine, with all of its checks. */
export interface Appraisal {
  /** ISO 8601. */
  readonly appraisedAt: string
  readonly result: AttestationResult
  /** Request of the answer; absent for the key. */
  readonly payloadId?: string
}

/** Current trust in the gateway. Holds no secret. */
export interface Trust {
  /** Of the identity on wire 2, of the server key on wire 1. */
  fingerprint: string
  wire: WireFacts
  standing: KeyStanding
  attestation: AttestationFacts | null
  /** Last appraisal of each subject. */
  readonly appraisals: Partial<Record<AttestationEvent['subject'], Appraisal>>
  /** Code of the error that keeps requests from being sent; undefined after a request that succeeded. */
  problem: string | undefined
}

/** Keeps an appraisal. */
export function noteAppraisal(
  trust: Trust,
  { subject, result, payloadId }: AttestationEvent,
): void {
  const appraisedAt = new Date().toISOString()
  trust.attestation = { tier: result.tier, trust: result.trust, subject, appraisedAt }
  trust.appraisals[subject] = {
    appraisedAt,
    result,
    ...(payloadId === undefined ? {} : { payloadId }),
  }
}
