import type { Facts } from '../facts.js'
import { fail, pass, skip, type Verdict } from '../result.js'

/** The evidence came soon enough after the nonce was made, by the caller's own clock. */
export function checkFreshness({ policy: { freshness, now } }: Facts): Verdict {
  if (freshness === undefined || now === undefined) {
    return skip('FRESHNESS_NOT_ASKED', 'no time was given')
  }
  const ageMs = now.getTime() - freshness.nonceMadeAt.getTime()
  return ageMs >= 0 && ageMs <= freshness.maxAgeMs
    ? pass('FRESH', `the evidence came ${ageMs} ms after the nonce was made`)
    : fail('NOT_FRESH', `the evidence came ${ageMs} ms after the nonce was made`)
}
