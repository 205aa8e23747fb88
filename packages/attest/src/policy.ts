import { PolicyError, TpmParseError } from './errors.js'
import type { LogAppraiser } from './log-appraiser.js'
import type { NonceExpectation } from './nonce.js'
import { formatPcrSelection, parsePcrSelection, type PcrSelection } from './pcr/selection.js'
import type { ClockClaims } from './result.js'
import { HASHES } from './structures/constants.js'
import type { TrustAnchor } from './trust/anchor.js'

/**
 * The values a PCR may have, in hex, by bank and index: `{ sha256: { 7: 'ab…', 0: ['cd…', 'ef…'] } }`.
 * Several values mean any of them.
 */
export type ReferenceValues = Readonly<
  Record<string, Readonly<Record<string, string | readonly string[]>>>
>

/** Facts of an earlier quote of the same machine, to notice that it was restarted since. */
export interface PreviousQuote {
  /** Qualified Name of the key that signed it, in hex: unlike its Name, part of what was signed. */
  readonly qualifiedSigner: string
  readonly clock: Pick<ClockClaims, 'clock' | 'resetCount' | 'restartCount'>
  /** In hex, with 0x. */
  readonly firmwareVersion: string
}

/** What is expected of a quote (RFC 9334: Appraisal Policy for Evidence). */
export interface AppraisalPolicy {
  /** What the quote must have been made for. */
  readonly nonce: NonceExpectation
  /** PCRs that must be quoted, as `sha256:0,7,10` or parsed. PCR 16 and 23 prove nothing: refused. */
  readonly requiredPcrs: string | readonly PcrSelection[]
  /** Without them no result is affirming: an unknown machine state is no good one. */
  readonly referenceValues?: ReferenceValues | undefined
  /**
   * Who may vouch for the attestation key; any one of them is enough. `'none'` has to be written
   * down: every other check can be passed by a program without a TPM.
   */
  readonly trust: readonly TrustAnchor[] | 'none'
  /** The Qualified Name the attestation key must have, where its parent is known. */
  readonly qualifiedSigner?: Uint8Array | undefined
  /** `verified` or `claimed` of an earlier result: the machine must not have been restarted since. */
  readonly previous?: PreviousQuote | undefined
  readonly firmware?: FirmwarePolicy | undefined
  readonly freshness?: FreshnessPolicy | undefined
  /** From `@nomyo/attest/eventlog`. */
  readonly eventLog?: LogAppraiser | undefined
  /** From `@nomyo/attest/ima`. */
  readonly ima?: LogAppraiser | undefined
  /** The caller's clock; certificates cannot be judged without it. */
  readonly now?: Date | undefined
}

/** Firmware versions of TPMs that are acceptable. */
export interface FirmwarePolicy {
  /** In hex, with 0x. */
  readonly allowed: readonly string[]
}

/** How long the server may take between being given the nonce and `now`. */
export interface FreshnessPolicy {
  readonly nonceMadeAt: Date
  /** Milliseconds. */
  readonly maxAgeMs: number
}

/** A policy that has been looked through. */
export interface CheckedPolicy extends AppraisalPolicy {
  readonly requiredPcrs: readonly PcrSelection[]
}

/** Any process on the machine can reset these. */
const RESETTABLE = [16, 23]

/**
 * Looks a policy through before anything is judged by it.
 *
 * @throws PolicyError `ERR_POLICY_INVALID`
 */
export function checkPolicy(policy: AppraisalPolicy): CheckedPolicy {
  if (!isObject(policy)) throw new PolicyError('there is no policy')
  const { trust, referenceValues, firmware, previous, freshness, now, qualifiedSigner } = policy
  if (trust !== 'none' && !isList(trust)) {
    throw new PolicyError("policy.trust must list trust anchors, or be 'none'")
  }
  const requiredPcrs = checkSelection(policy.requiredPcrs, 'requiredPcrs')
  if (referenceValues !== undefined) checkReferenceValues(referenceValues)
  if (freshness !== undefined && now === undefined) {
    throw new PolicyError('policy.freshness needs policy.now')
  }
  if (firmware !== undefined && !isFirmware(firmware)) {
    throw new PolicyError("policy.firmware.allowed wants versions as '0x2019102300163636'")
  }
  if (previous !== undefined && !isPrevious(previous)) {
    throw new PolicyError('policy.previous is not the verified part of a result')
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

/** Callers without types hand in anything. */
function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isFirmware(firmware: unknown): boolean {
  return (
    isObject(firmware) &&
    isList(firmware['allowed']) &&
    firmware['allowed'].every((version) => /^0x[0-9a-f]{1,16}$/.test(String(version)))
  )
}

function isPrevious(previous: unknown): boolean {
  if (!isObject(previous) || typeof previous['qualifiedSigner'] !== 'string') return false
  const { clock } = previous
  return isObject(clock) && /^\d{1,20}$/.test(String(clock['clock']))
}

/** Copied: what a result says was bound must be what the quote was held against. */
function checkNonce(nonce: unknown): NonceExpectation {
  if (isObject(nonce)) {
    const { nonce: fresh, spki, extraData, payloadId, mode } = nonce
    if (isBytes(spki) && isBytes(fresh)) {
      return { nonce: new Uint8Array(fresh), spki: new Uint8Array(spki) }
    }
    if (isBytes(extraData)) return { extraData: new Uint8Array(extraData) }
    if (typeof payloadId === 'string' && (mode === 'sha256' || mode === 'raw')) {
      return { payloadId, mode }
    }
  }
  throw new PolicyError(
    'policy.nonce must be { payloadId, mode }, { extraData } or { nonce, spki }',
  )
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array
}

/** Given as text or taken apart, a selection has to be one that can be written. */
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
    const why =
      error instanceof TpmParseError ? error.message : "is not 'sha256:0,7,10' or the like"
    throw new PolicyError(`policy.${where}: ${why}`)
  }
}

function checkReferenceValues(referenceValues: unknown): void {
  const where = 'referenceValues'
  const entries = isObject(referenceValues) ? Object.entries(referenceValues) : []
  const values = entries.flatMap(([bank, ofBank]) =>
    isObject(ofBank) ? Object.entries(ofBank).map((entry) => [bank, ...entry] as const) : [],
  )
  if (values.length === 0 || !entries.every(([, ofBank]) => isObject(ofBank)))
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
