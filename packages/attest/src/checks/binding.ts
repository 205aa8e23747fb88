import type { Facts } from '../facts.js'
import { fail, pass, skip, type Verdict } from '../result.js'

/** The quote vouches for the key that will be encrypted to. Decided by the extraData alone. */
export function checkBinding({ policy }: Facts, nonce: Verdict): Verdict {
  if (!('spki' in policy.nonce)) {
    return skip('BINDING_NOT_ASKED', 'no encryption key was to be vouched for')
  }
  return nonce.status === 'pass'
    ? pass('KEY_BOUND', 'whoever made the quote named this encryption key in it')
    : fail('KEY_NOT_BOUND', 'the quote does not vouch for this encryption key')
}
