import type { CheckId } from '../checks/checks.js'
import type { Trust } from '../trust/anchor.js'
import type { QuoteClaims } from './claims.js'
import type { Verdict } from './verdict.js'

/** Verdict of one check. */
export interface Check extends Verdict {
  readonly id: CheckId
}

/**
 * Trustworthiness tier of AR4SI (draft-ietf-rats-ar4si). `none`: the evidence supports no claim; treat
 * it like no evidence.
 */
export type Tier = 'affirming' | 'warning' | 'none' | 'contraindicated'

/**
 * AR4SI trustworthiness claims: 2 to 31 affirming, 32 to 95 warning, 96 to 127 contraindicated.
 * A claim that is not made is absent.
 */
export interface TrustworthinessVector {
  'instance-identity'?: number
  hardware?: number
  configuration?: number
  executables?: number
}

/** Attestation Result (RFC 9334): the appraisal of one quote in the terms of AR4SI. */
export interface AttestationResult {
  readonly tier: Tier
  readonly trust: Trust
  /** Every {@link CheckId} exactly once, in the order of `CHECK_IDS`. */
  readonly checks: readonly Check[]
  readonly vector: TrustworthinessVector
  /** The signed facts, where a trust anchor endorses the key that signed them. */
  readonly verified?: QuoteClaims
  /** The same facts where no anchor does: the unauthenticated word of the holder of the key. */
  readonly claimed?: QuoteClaims
}

/** Result that reached the required tier. */
export type AppraisedResult<T extends Tier> = AttestationResult & {
  readonly tier: T extends 'affirming'
    ? 'affirming'
    : T extends 'warning'
      ? 'affirming' | 'warning'
      : 'affirming' | 'warning' | 'none'
}
