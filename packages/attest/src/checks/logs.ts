import { quotedPcrs, type Facts } from '../facts.js'
import type { LogAppraiser } from '../log-appraiser.js'
import { fail, skip, type Verdict } from '../result.js'

/** A log explains the quoted PCR values, and its entries are allowed. */
export function checkLog(
  name: string,
  log: LogAppraiser | undefined,
  facts: Facts,
  pcrDigest: Verdict,
): Verdict {
  if (log === undefined) return skip('LOG_NOT_GIVEN', `no ${name} was given`)
  // A log replayed to values that were never signed would explain nothing.
  return pcrDigest.status === 'pass'
    ? log.judge(quotedPcrs(facts))
    : fail('LOG_WITHOUT_PCRS', `no quoted PCR values to replay the ${name} to`)
}
