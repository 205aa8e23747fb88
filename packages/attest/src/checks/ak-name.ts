import { equalBytes } from '../bytes/digest.js'
import { toHex } from '../bytes/hex.js'
import type { Facts } from '../facts.js'
import { fail, pass, skip, type Verdict } from '../result.js'
import type { Trustee } from '../trust/judge.js'
import { unreadable } from './evidence.js'

/**
 * The key that signed this very quote is the one that is known: trust is bound to its Name, computed
 * here, and to its place in the TPM where that is known.
 */
export function checkAkName({ ak, quote, policy }: Facts, { vouching, byName }: Trustee): Verdict {
  if (ak.value === undefined) return unreadable('attestation key')
  if (quote.value === undefined) return unreadable('quote')
  const { qualifiedSigner } = policy
  if (qualifiedSigner !== undefined && !equalBytes(qualifiedSigner, quote.value.qualifiedSigner)) {
    return fail('AK_QUALIFIED_NAME', 'the key that signed has another place in its TPM', {
      expected: toHex(qualifiedSigner),
      actual: toHex(quote.value.qualifiedSigner),
    })
  }
  if (vouching.trust === 'unendorsed') {
    return byName
      ? fail('AK_NAME_UNKNOWN', 'no anchor names this key', { actual: toHex(ak.value.name) })
      : skip('AK_NAME_NOT_COMPARED', 'no Name was given to compare with')
  }
  return pass('AK_NAME_KNOWN', `the key that signed is ${toHex(ak.value.name)}`)
}
