import type { PcrValues } from '../evidence/evidence.js'
import type { Hierarchy } from '../structures/constants.js'

/** TPMS_CLOCK_INFO in types that JSON has. */
export interface ClockClaims {
  /** Milliseconds, in decimal. */
  readonly clock: string
  readonly resetCount: number
  readonly restartCount: number
  readonly safe: boolean
}

/** ParsedEvidence that the signature covers, and no others. Survives JSON. */
export interface QuoteClaims {
  /**
   * TPM Name of the attestation key, in hex. Absent where a certificate endorses the key but nothing
   * covers its Name.
   */
  readonly akName?: string
  /** Qualified Name of the signing key, in hex. */
  readonly qualifiedSigner: string
  /** The hierarchy of a primary key; absent where the parent is another key. */
  readonly hierarchy?: Hierarchy
  /** The quoted PCRs; the signature covers their digest. */
  readonly pcrs: PcrValues
  readonly clock: ClockClaims
  /** In hex, with 0x. */
  readonly firmwareVersion: string
  /** SHA-256 of the SubjectPublicKeyInfo the quote is bound to, in hex; absent without a key binding. */
  readonly boundKey?: string
  /** SHA-256 of the key statement the quote is bound to, in hex; absent without a statement binding. */
  readonly boundStatement?: string
  /** TPM Name of the certified object, in hex; absent for quotes. */
  readonly certifiedName?: string
}
