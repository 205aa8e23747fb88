import { toHex } from '../bytes/hex.js'
import type { ParsedEvidence } from '../evidence/parsed-evidence.js'
import { fail, pass, warn, type Verdict } from '../result/verdict.js'
import { unreadable } from './evidence.js'

/**
 * Checks that the TPM was not reset, restarted or turned back since an earlier quote. The TPM obfuscates
 * the counters for keys outside the endorsement and platform hierarchies, by the same amount for the
 * same key, so that only quotes of one key are comparable.
 */
export function checkClock({ quote, policy: { previous } }: ParsedEvidence): Verdict {
  if (quote.value === undefined) return unreadable('quote')
  const { clock, resetCount, restartCount, safe } = quote.value.clockInfo
  if (previous !== undefined) {
    if (toHex(quote.value.qualifiedSigner) !== previous.qualifiedSigner) {
      return fail(
        'CLOCK_OTHER_KEY',
        'another key signed the earlier quote, whose clock has no bearing on this one',
      )
    }
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
      'the TPM was not shut down properly: its clock may have been ahead',
    )
  }
  return previous === undefined
    ? pass('CLOCK_SAFE', 'the clock was never ahead of this')
    : pass('CLOCK_CONTINUES', 'the machine was not reset or restarted since the earlier quote')
}
