import { quotedPcrs, type ParsedEvidence } from '../evidence/parsed-evidence.js'
import type { LogAppraiser } from '../policy/rules.js'
import { fail, skip, type Verdict } from '../result/verdict.js'
import { checkPcrDigest } from './pcr-digest.js'

/** Checks that a log explains the quoted PCR values and that its entries are allowed. */
export async function checkLog(
  name: string,
  log: LogAppraiser | undefined,
  evidence: ParsedEvidence,
): Promise<Verdict> {
  if (log === undefined) return skip('LOG_NOT_GIVEN', `no ${name} was given`)
  // A log that replays to values without a signature explains nothing.
  return (await checkPcrDigest(evidence)).status === 'pass'
    ? log.appraise(quotedPcrs(evidence))
    : fail('LOG_WITHOUT_PCRS', `there are no quoted PCR values to replay the ${name} to`)
}
