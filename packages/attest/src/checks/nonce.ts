import { equalBytes } from '../bytes/digest.js'
import { toHex } from '../bytes/hex.js'
import type { Facts } from '../facts.js'
import { entropyBytes } from '../nonce.js'
import { fail, pass, type Verdict } from '../result.js'
import { unreadable } from './evidence.js'

/** 128 bits: below, an answer could have been prepared for every nonce. */
const MIN_NONCE_BYTES = 16

/** The quote was made for this request, not recorded from another. */
export function checkNonce({ quote: { value }, expectedExtraData, policy }: Facts): Verdict {
  if (value === undefined) return unreadable('quote')
  if (Math.min(entropyBytes(policy.nonce), expectedExtraData.length) < MIN_NONCE_BYTES) {
    return fail('NONCE_TOO_SHORT', `a nonce under ${MIN_NONCE_BYTES} bytes can be guessed`)
  }
  return equalBytes(expectedExtraData, value.extraData)
    ? pass('NONCE_EQUAL', 'the quote carries what it was asked to carry')
    : fail('NONCE_MISMATCH', 'the quote was made for something else', {
        expected: toHex(expectedExtraData),
        actual: toHex(value.extraData),
      })
}
