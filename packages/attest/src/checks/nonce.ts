import { equalBytes } from '../bytes/bytes.js'
import { toHex } from '../bytes/hex.js'
import { entropyBytes } from '../evidence/nonce.js'
import type { ParsedEvidence } from '../evidence/parsed-evidence.js'
import { fail, pass, skip, type Verdict } from '../result/verdict.js'
import { unreadable } from './evidence.js'

/** 128 bits: for a shorter nonce an attacker can prepare an answer to each value. */
const MIN_NONCE_BYTES = 16

/** Checks that the quote was made for this request, not replayed from another. */
export function checkNonce({
  quote: { value },
  expectedExtraData,
  policy,
}: ParsedEvidence): Verdict {
  if (value === undefined) return unreadable('quote')
  if (Math.min(entropyBytes(policy.nonce), expectedExtraData.length) < MIN_NONCE_BYTES) {
    return fail('NONCE_TOO_SHORT', `a nonce under ${MIN_NONCE_BYTES} bytes can be guessed`)
  }
  return equalBytes(expectedExtraData, value.extraData)
    ? pass('NONCE_EQUAL', 'the quote carries the expected nonce')
    : fail('NONCE_MISMATCH', 'the quote carries another nonce', {
        expected: toHex(expectedExtraData),
        actual: toHex(value.extraData),
      })
}

/** Checks that the quote endorses the keys to encrypt to. The extraData alone decides. */
export function checkBinding(evidence: ParsedEvidence): Verdict {
  const { nonce } = evidence.policy
  if ('statement' in nonce) {
    return checkNonce(evidence).status === 'pass'
      ? pass('STATEMENT_BOUND', 'the quote endorses this key statement')
      : fail('STATEMENT_NOT_BOUND', 'the quote does not endorse this key statement')
  }
  if (!('spki' in nonce)) {
    return skip('BINDING_NOT_ASKED', 'the policy names no encryption key')
  }
  return checkNonce(evidence).status === 'pass'
    ? pass('KEY_BOUND', 'the quote endorses this encryption key')
    : fail('KEY_NOT_BOUND', 'the quote does not endorse this encryption key')
}

/** Checks that the evidence arrived soon enough after the nonce was made, by the caller's own clock. */
export function checkFreshness({ policy: { freshness, now } }: ParsedEvidence): Verdict {
  if (freshness === undefined || now === undefined) {
    return skip('FRESHNESS_NOT_ASKED', 'the policy sets no time limit')
  }
  const ageMs = now.getTime() - freshness.nonceMadeAt.getTime()
  const detail = `the evidence arrived ${ageMs} ms after the nonce was made`
  return ageMs >= 0 && ageMs <= freshness.maxAgeMs
    ? pass('FRESH', detail)
    : fail('NOT_FRESH', detail)
}
