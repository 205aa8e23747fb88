import { AttestationError } from './errors.js'
import type { Hierarchy } from './structures/constants.js'

/** Every check, in the order in which results list them. */
export const CHECK_IDS = [
  'evidence.shape',
  'quote.parse',
  'signature.parse',
  'ak.parse',
  'quote.magic',
  'quote.type',
  'ak.attributes',
  'ak.strength',
  'ak.point',
  'signature.scheme',
  'signature.valid',
  'nonce',
  'pcr.selection',
  'pcr.digest',
  'pcr.bank',
  'pcr.policy',
  'ak.name',
  'ak.trust',
  'clock',
  'firmware',
  'freshness',
  'binding',
  'eventlog',
  'ima',
  'ak.certificate.chain',
  'ak.certificate.validity',
  'ak.certificate.eku',
  'ak.certificate.leaf',
  'ak.certificate.key',
] as const

export type CheckId = (typeof CHECK_IDS)[number]

/** `skip`: could not be decided, or was not asked for; never counts as passed. */
export type CheckStatus = 'pass' | 'fail' | 'warn' | 'skip'

/** What a check found. */
export interface Verdict {
  readonly status: CheckStatus
  /** The cause, for programs. Stable. */
  readonly code: string
  /** The cause, for people. */
  readonly detail: string
  readonly expected?: string
  readonly actual?: string
}

export interface Check extends Verdict {
  readonly id: CheckId
}

/** What every check found. */
export type Verdicts = Readonly<Record<CheckId, Verdict>>

/**
 * The trustworthiness tiers of AR4SI (draft-ietf-rats-ar4si). `none`: the evidence supports no claim,
 * to be treated like no evidence.
 */
export type Tier = 'affirming' | 'warning' | 'none' | 'contraindicated'

/**
 * How the attestation key came to be believed. `endorsed`: certificate or credential activation;
 * `pinned`: its Name was given by the caller; `unendorsed`: not at all, anybody can make such a key.
 */
export type Trust = 'endorsed' | 'pinned' | 'unendorsed'

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

/** PCR values by bank and index, in lower-case hex. */
export type PcrValues = Readonly<Record<string, Readonly<Record<string, string>>>>

/** TPMS_CLOCK_INFO in members JSON has. */
export interface ClockClaims {
  /** Milliseconds, in decimal. */
  readonly clock: string
  readonly resetCount: number
  readonly restartCount: number
  readonly safe: boolean
}

/** What the signature covers, and nothing else. Survives JSON. */
export interface QuoteClaims {
  /**
   * TPM Name of the attestation key, in hex. Absent where a certificate vouches for the key and nothing
   * for its Name.
   */
  readonly akName?: string
  /** Qualified Name of the key that signed, in hex. */
  readonly qualifiedSigner: string
  /** The hierarchy the key is a primary key of; absent where its parent is another key. */
  readonly hierarchy?: Hierarchy
  /** The quoted PCRs; their digest is what was signed. */
  readonly pcrs: PcrValues
  readonly clock: ClockClaims
  /** In hex, with 0x. */
  readonly firmwareVersion: string
  /** SHA-256 of the SubjectPublicKeyInfo the quote is bound to, in hex; absent without a key binding. */
  readonly boundKey?: string
  /** TPM Name of the object a certification is about, in hex; absent for quotes. */
  readonly certifiedName?: string
}

/** An AR4SI appraisal of one quote (RFC 9334 calls it an Attestation Result). */
export interface AttestationResult {
  readonly tier: Tier
  readonly trust: Trust
  /** Every {@link CheckId} exactly once, in the order of {@link CHECK_IDS}. */
  readonly checks: readonly Check[]
  readonly vector: TrustworthinessVector
  /** The signed facts, where an anchor vouches for the key that signed them. */
  readonly verified?: QuoteClaims
  /** The same facts where none does: whoever holds the key that came along says so. */
  readonly claimed?: QuoteClaims
}

/** A result that reached the tier that was asked for. */
export type AppraisedResult<T extends Tier> = AttestationResult & {
  readonly tier: T extends 'affirming'
    ? 'affirming'
    : T extends 'warning'
      ? 'affirming' | 'warning'
      : 'affirming' | 'warning' | 'none'
}

/**
 * Goes on only with a result that reached `tier` or better. `none` accepts evidence nobody vouches
 * for, as long as nothing in it is wrong: it says that a quote came, not what it is worth.
 *
 * @throws AttestationError `ERR_ATTESTATION_FAILED`, with the whole result
 */
export function requireTier<T extends Exclude<Tier, 'contraindicated'>>(
  result: AttestationResult,
  tier: T,
): asserts result is AppraisedResult<T> {
  // The other way round, a tier there is not, from callers without types, would let everything pass.
  if (!(RANK[result.tier] >= RANK[tier])) throw new AttestationError(result, tier)
}

const RANK: Readonly<Record<Tier, number>> = {
  contraindicated: 0,
  none: 1,
  warning: 2,
  affirming: 3,
}

export function pass(code: string, detail: string): Verdict {
  return { status: 'pass', code, detail }
}

export function fail(code: string, detail: string, values: Compared = {}): Verdict {
  return { status: 'fail', code, detail, ...values }
}

export function warn(code: string, detail: string): Verdict {
  return { status: 'warn', code, detail }
}

export function skip(code: string, detail: string): Verdict {
  return { status: 'skip', code, detail }
}

/** Two values that should have been equal. */
interface Compared {
  readonly expected?: string
  readonly actual?: string
}
