import { equalBytes } from '../bytes/digest.js'
import { toHex } from '../bytes/hex.js'
import type { Facts } from '../facts.js'
import { fail, pass, skip, type Verdict } from '../result.js'
import type { Trustee } from '../trust/judge.js'
import { unreadable } from './evidence.js'

export const AK_NAME_NOT_COVERED = 'AK_NAME_NOT_COVERED'

/**
 * The key that signed this very quote is the one that is known: trust is bound to its Name, computed
 * here, and to its place in the TPM where that is known.
 */
export function checkAkName(
  { ak, quote, policy, hierarchy }: Facts,
  { vouching, byName }: Trustee,
): Verdict {
  if (ak.value === undefined) return unreadable('attestation key')
  if (quote.value === undefined) return unreadable('quote')
  const { qualifiedSigner } = policy
  if (qualifiedSigner !== undefined && !equalBytes(qualifiedSigner, quote.value.qualifiedSigner)) {
    return fail('AK_QUALIFIED_NAME', 'the key that signed is another, or has another parent', {
      expected: toHex(qualifiedSigner),
      actual: toHex(quote.value.qualifiedSigner),
    })
  }
  if (vouching.trust === 'unendorsed') {
    return byName
      ? fail('AK_NAME_UNKNOWN', 'no anchor names this key', { actual: toHex(ak.value.name) })
      : skip('AK_NAME_NOT_COMPARED', 'no Name was given to compare with')
  }
  // A certificate holds the bare key: attributes and the like could be changed, and the Name with them.
  if (vouching.certificate !== undefined && hierarchy === undefined) {
    return skip(AK_NAME_NOT_COVERED, 'the certificate is for the key, not for its Name')
  }
  return pass('AK_NAME_KNOWN', `the key that signed is ${toHex(ak.value.name)}`)
}
