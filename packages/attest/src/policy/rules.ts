import { requireDate, requireMethod } from '../arguments.js'
import { PolicyError, TpmParseError } from '../attest-error.js'
import { isRecord } from '../bytes/json.js'
import type { PcrValues } from '../evidence/evidence.js'
import { MAX_NONCE_BYTES, type NonceExpectation } from '../evidence/nonce.js'
import type { ClockClaims } from '../result/claims.js'
import type { Verdict } from '../result/verdict.js'
import { HASHES } from '../structures/constants.js'
import {
  formatPcrSelection,
  parsePcrSelection,
  type PcrSelection,
} from '../structures/pcr-selection.js'
import type { TrustAnchor } from '../trust/anchor.js'

/**
 * Reference Values (RFC 9334): the accepted values of PCRs, in hex, by bank and index, as
 * `{ sha256: { 7: 'ab…', 0: ['cd…', 'ef…'] } }`. Of several values any one is accepted.
 */
export type ReferenceValues = Readonly<
  Record<string, Readonly<Record<string, string | readonly string[]>>>
>

/** ParsedEvidence of an earlier quote of the same machine, by which a restart is detected. */
export interface PreviousQuote {
  /** Qualified Name of the signing key, in hex: unlike its Name, part of what was signed. */
  readonly qualifiedSigner: string
  readonly clock: Pick<ClockClaims, 'clock' | 'resetCount' | 'restartCount'>
  /** In hex, with 0x. */
  readonly firmwareVersion: string
}

/** Appraisal Policy for Evidence (RFC 9334). */
export interface AppraisalPolicy {
  /** The value the quote must carry. */
  readonly nonce: NonceExpectation
  /** PCRs that must be quoted, as `sha256:0,7,10` or parsed. PCR 16 and 23 prove nothing: refused. */
  readonly requiredPcrs: string | readonly PcrSelection[]
  /** Without them no result is affirming: an unknown machine state is not a good one. */
  readonly referenceValues?: ReferenceValues | undefined
  /**
   * Anchors that may endorse the attestation key; any one of them is enough. `'none'` has to be
   * explicit: a program without a TPM passes every other check.
   */
  readonly trust: readonly TrustAnchor[] | 'none'
  /** The Qualified Name the attestation key must have, where its parent is known. */
  readonly qualifiedSigner?: Uint8Array | undefined
  /** `verified` or `claimed` of an earlier result: the machine must not have restarted since. */
  readonly previous?: PreviousQuote | undefined
  readonly firmware?: FirmwarePolicy | undefined
  readonly freshness?: FreshnessPolicy | undefined
  /** From `@nomyo/attest/eventlog`. */
  readonly eventLog?: LogAppraiser | undefined
  /** From `@nomyo/attest/ima`. */
  readonly ima?: LogAppraiser | undefined
  /** The caller's clock; the validity of certificates cannot be checked without it. */
  readonly now?: Date | undefined
}

/** Accepted firmware versions of TPMs. */
export interface FirmwarePolicy {
  /** In hex, with 0x. */
  readonly allowed: readonly string[]
}

/** Longest accepted time between the creation of the nonce and `now`. */
export interface FreshnessPolicy {
  readonly nonceMadeAt: Date
  /** Milliseconds. */
  readonly maxAgeMs: number
}

/** A log that explains PCR values, with the rules for its entries. */
export interface LogAppraiser {
  /**
   * Appraises the log by PCR values whose digest was signed. Never throws because of the content of
   * the log, which is attacker-controlled like the quote.
   */
  appraise(quoted: PcrValues): Verdict
}

/** A valid policy. */
export interface CheckedPolicy extends AppraisalPolicy {
  readonly requiredPcrs: readonly PcrSelection[]
}

/** Any process on the machine can reset these. */
const RESETTABLE = [16, 23]

/**
 * Validates a policy before any evidence is appraised.
 *
 * @throws PolicyError `ERR_POLICY_INVALID`
 */
export function checkPolicy(policy: AppraisalPolicy): CheckedPolicy {
  if (!isRecord(policy)) throw new PolicyError('the policy is missing')
  const { trust, referenceValues, firmware, previous, freshness, now, qualifiedSigner } = policy
  if (trust !== 'none' && !isList(trust)) {
    throw new PolicyError("policy.trust must be a list of trust anchors, or 'none'")
  }
  if (trust !== 'none') for (const one of trust) requireMethod(one, 'policy.trust', 'endorse')
  for (const log of ['eventLog', 'ima'] as const) {
    if (policy[log] !== undefined) requireMethod(policy[log], `policy.${log}`, 'appraise')
  }
  if (now !== undefined) requireDate(now, 'policy.now')
  const requiredPcrs = checkSelection(policy.requiredPcrs, 'requiredPcrs')
  if (referenceValues !== undefined) checkReferenceValues(referenceValues)
  if (freshness !== undefined) checkFreshness(freshness, now)
  if (firmware !== undefined && !isFirmware(firmware)) {
    throw new PolicyError("policy.firmware.allowed must list versions like '0x2019102300163636'")
  }
  if (previous !== undefined && !isPrevious(previous)) {
    throw new PolicyError('policy.previous must be the verified part of a result')
  }
  if (qualifiedSigner !== undefined && !isBytes(qualifiedSigner)) {
    throw new PolicyError('policy.qualifiedSigner must be bytes')
  }
  return {
    ...policy,
    requiredPcrs,
    nonce: checkNonce(policy.nonce),
    ...(qualifiedSigner === undefined ? {} : { qualifiedSigner: new Uint8Array(qualifiedSigner) }),
  }
}

function checkFreshness(freshness: unknown, now: Date | undefined): void {
  if (now === undefined) throw new PolicyError('policy.freshness requires policy.now')
  const { nonceMadeAt, maxAgeMs } = Object(freshness) as Partial<FreshnessPolicy>
  requireDate(nonceMadeAt, 'policy.freshness.nonceMadeAt')
  if (typeof maxAgeMs === 'number' && maxAgeMs >= 0) return
  throw new PolicyError('policy.freshness.maxAgeMs must be a number of milliseconds')
}

/** Callers without types pass any value. */
function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value)
}

function isFirmware(firmware: unknown): boolean {
  return (
    isRecord(firmware) &&
    isList(firmware['allowed']) &&
    firmware['allowed'].every((version) => /^0x[0-9a-f]{1,16}$/.test(String(version)))
  )
}

function isPrevious(previous: unknown): boolean {
  if (!isRecord(previous) || typeof previous['qualifiedSigner'] !== 'string') return false
  const { clock } = previous
  return isRecord(clock) && /^\d{1,20}$/.test(String(clock['clock']))
}

/** Members of an expectation that name its subject. */
const SUBJECTS = ['payloadId', 'extraData', 'spki', 'statement'] as const

/** Copies the expectation: the subject of a result must be the one the quote was compared with. */
function checkNonce(expected: unknown): NonceExpectation {
  // Of two subjects, one would be ignored silently.
  if (isRecord(expected) && SUBJECTS.filter((name) => expected[name] !== undefined).length === 1) {
    const { nonce, spki, statement, extraData, payloadId, mode } = expected
    if (isBytes(nonce) && nonce.length <= MAX_NONCE_BYTES) {
      if (isBytes(spki)) return { nonce: new Uint8Array(nonce), spki: new Uint8Array(spki) }
      if (isBytes(statement)) {
        return { nonce: new Uint8Array(nonce), statement: new Uint8Array(statement) }
      }
    }
    if (isBytes(extraData)) return { extraData: new Uint8Array(extraData) }
    if (typeof payloadId === 'string' && mode === 'sha256') return { payloadId, mode }
  }
  throw new PolicyError(
    'policy.nonce must be { payloadId, mode: "sha256" }, { extraData }, { nonce, spki } or ' +
      '{ nonce, statement }',
  )
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array
}

/** A selection in either form must be one that can be written as text. */
function checkSelection(required: unknown, where: string): readonly PcrSelection[] {
  const selection = parsed(required, where)
  if (selection.some(({ pcrs }) => RESETTABLE.some((pcr) => pcrs.includes(pcr)))) {
    throw new PolicyError(`policy.${where}: any process can reset PCR 16 and 23`)
  }
  return selection
}

function parsed(required: unknown, where: string): readonly PcrSelection[] {
  try {
    const text = typeof required === 'string' ? required : formatPcrSelection(required as never)
    return parsePcrSelection(text)
  } catch (error) {
    const why = error instanceof TpmParseError ? error.message : "is not like 'sha256:0,7,10'"
    throw new PolicyError(`policy.${where}: ${why}`)
  }
}

function checkReferenceValues(referenceValues: unknown): void {
  const where = 'referenceValues'
  const entries = isRecord(referenceValues) ? Object.entries(referenceValues) : []
  const values = entries.flatMap(([bank, ofBank]) =>
    isRecord(ofBank) ? Object.entries(ofBank).map((entry) => [bank, ...entry] as const) : [],
  )
  if (values.length === 0 || !entries.every(([, ofBank]) => isRecord(ofBank)))
    throw new PolicyError(`policy.${where} names no PCR`)
  for (const [bank, pcr, allowed] of values) {
    const [{ hash } = { hash: 'sha256' as const }] = checkSelection(`${bank}:${pcr}`, where)
    const list = isList(allowed) ? allowed : [allowed]
    const isHex = new RegExp(`^[0-9a-f]{${2 * HASHES[hash].size}}$`, 'i')
    if (list.length === 0 || !list.every((value) => isHex.test(String(value)))) {
      throw new PolicyError(`policy.${where}: ${bank} PCR ${pcr} is not hex of the right length`)
    }
  }
}
