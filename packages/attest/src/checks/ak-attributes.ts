import type { Facts } from '../facts.js'
import { fail, pass, type Verdict } from '../result.js'
import { TPMA_OBJECT } from '../structures/constants.js'
import { unreadable } from './evidence.js'

const WANTED = ['restricted', 'sign', 'fixedTPM', 'fixedParent', 'sensitiveDataOrigin'] as const
const KNOWN = Object.values(TPMA_OBJECT).reduce((all, bit) => all | bit, 0)

/**
 * The key says it was made in a TPM, cannot leave it, and signs nothing but what that TPM made. An
 * unrestricted key signs any bytes, also a made-up quote.
 */
export function checkAkAttributes({ ak: { value } }: Pick<Facts, 'ak'>): Verdict {
  if (value === undefined) return unreadable('attestation key')
  const { objectAttributes } = value.publicArea
  const missing = WANTED.filter((name) => (objectAttributes & TPMA_OBJECT[name]) === 0)
  if (missing.length > 0) {
    return fail('AK_ATTRIBUTE_MISSING', `the key is not ${missing.join(', not ')}`)
  }
  if ((objectAttributes & TPMA_OBJECT.decrypt) !== 0) {
    return fail('AK_DECRYPTS', 'the key is for signing and decrypting')
  }
  if ((objectAttributes & ~KNOWN) !== 0) {
    return fail('AK_ATTRIBUTE_RESERVED', 'the key sets a reserved attribute')
  }
  return pass('AK_RESTRICTED', 'the key says it signs only what its TPM made')
}
