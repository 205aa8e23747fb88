import { toHex } from '../bytes/hex.js'
import type { Facts } from '../facts.js'
import { fail, pass, skip, warn, type Verdict } from '../result.js'
import { unreadable } from './evidence.js'

/**
 * The TPM was not reset, restarted or turned back since an earlier quote. The counters of keys outside
 * the endorsement and platform hierarchies are blurred, but by the same amount for the same key, so
 * they are compared between quotes of one key only.
 */
export function checkClock({ quote, policy: { previous } }: Facts): Verdict {
  if (quote.value === undefined) return unreadable('quote')
  const { clock, resetCount, restartCount, safe } = quote.value.clockInfo
  const sameKey = toHex(quote.value.qualifiedSigner) === previous?.qualifiedSigner
  if (previous !== undefined && sameKey) {
    if (previous.clock.resetCount !== resetCount) {
      return fail('CLOCK_RESET', 'the machine was reset since the earlier quote')
    }
    if (previous.clock.restartCount !== restartCount) {
      return fail(
        'CLOCK_RESTARTED',
        'the machine was suspended or restarted since the earlier quote',
      )
    }
    if (clock < BigInt(previous.clock.clock)) {
      return fail('CLOCK_TURNED_BACK', 'the clock of the TPM is behind the earlier quote')
    }
  }
  if (!safe) {
    return warn(
      'CLOCK_NOT_SAFE',
      'the TPM was not shut down in order: its clock may have been ahead',
    )
  }
  if (previous !== undefined && !sameKey) {
    return skip('CLOCK_OTHER_KEY', 'the earlier quote is of another key')
  }
  return previous === undefined
    ? pass('CLOCK_SAFE', 'the clock was never ahead of this')
    : pass('CLOCK_CONTINUES', 'not reset or restarted since the earlier quote')
}
