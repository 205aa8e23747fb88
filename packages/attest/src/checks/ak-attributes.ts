import type { ParsedEvidence } from '../evidence/parsed-evidence.js'
import { fail, pass, type Verdict } from '../result/verdict.js'
import { TPMA_OBJECT } from '../structures/constants.js'
import { missingAttributes } from '../structures/public.js'
import { unreadable } from './evidence.js'

const KNOWN = Object.values(TPMA_OBJECT).reduce((all, bit) => all | bit, 0)

/**
 * Checks that the key was made in a TPM, cannot leave it, and signs only structures of that TPM. An
 * unrestricted key signs any bytes, a forged quote included.
 */
export function checkAkAttributes({ ak: { value } }: Pick<ParsedEvidence, 'ak'>): Verdict {
  if (value === undefined) return unreadable('attestation key')
  const { objectAttributes } = value.publicArea
  const missing = missingAttributes(value.publicArea, 'restricted', 'sign')
  if (missing.length > 0) {
    return fail('AK_ATTRIBUTE_MISSING', `the key is not ${missing.join(', not ')}`)
  }
  if ((objectAttributes & TPMA_OBJECT.decrypt) !== 0) {
    return fail('AK_DECRYPTS', 'the key may decrypt as well as sign')
  }
  if ((objectAttributes & ~KNOWN) !== 0) {
    return fail('AK_ATTRIBUTE_RESERVED', 'the key sets a reserved attribute')
  }
  return pass('AK_RESTRICTED', 'the attributes restrict the key to structures its TPM generated')
}
