import { equalBytes } from '../bytes/bytes.js'
import { toHex } from '../bytes/hex.js'
import type { ParsedEvidence } from '../evidence/parsed-evidence.js'
import { fail, pass, skip, warn, type Verdict } from '../result/verdict.js'
import type { EndorsementDecision } from '../trust/endorsements.js'
import { unreadable } from './evidence.js'

/** Checks that a trust anchor of the caller endorses the attestation key. */
export function checkAkTrust(
  { policy }: ParsedEvidence,
  { endorsement }: EndorsementDecision,
): Verdict {
  if (policy.trust === 'none') {
    return warn(
      'AK_UNENDORSED',
      'the key is not endorsed: a program without a TPM can make such a key',
    )
  }
  return endorsement.trust === 'unendorsed'
    ? fail(endorsement.code, endorsement.detail)
    : pass(endorsement.code, endorsement.detail)
}

export const AK_NAME_NOT_COVERED = 'AK_NAME_NOT_COVERED'

/**
 * Checks that the key that signed this very quote is the endorsed one: trust is bound to its Name,
 * computed here, and to its place in the TPM where that is known.
 */
export function checkAkName(
  { ak, quote, policy, hierarchy }: ParsedEvidence,
  { endorsement, byName }: EndorsementDecision,
): Verdict {
  if (ak.value === undefined) return unreadable('attestation key')
  if (quote.value === undefined) return unreadable('quote')
  const { qualifiedSigner } = policy
  if (qualifiedSigner !== undefined && !equalBytes(qualifiedSigner, quote.value.qualifiedSigner)) {
    return fail('AK_QUALIFIED_NAME', 'the signing key is another one, or has another parent', {
      expected: toHex(qualifiedSigner),
      actual: toHex(quote.value.qualifiedSigner),
    })
  }
  if (endorsement.trust === 'unendorsed') {
    return byName
      ? fail('AK_NAME_UNKNOWN', 'no trust anchor names this key', { actual: toHex(ak.value.name) })
      : skip('AK_NAME_NOT_COMPARED', 'the policy gives no Name to compare with')
  }
  // A certificate covers the bare key: its attributes, and so its Name, can be changed.
  if (endorsement.certificate !== undefined && hierarchy === undefined) {
    return skip(AK_NAME_NOT_COVERED, 'the certificate covers the key, not its Name')
  }
  return pass('AK_NAME_KNOWN', `the signing key is ${toHex(ak.value.name)}`)
}
