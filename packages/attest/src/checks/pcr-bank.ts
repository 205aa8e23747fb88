import { quoteInfo, type ParsedEvidence } from '../evidence/parsed-evidence.js'
import { fail, pass, skip, warn, type Verdict } from '../result/verdict.js'
import { unreadable } from './evidence.js'

/** Checks that no PCR depends on SHA-1 alone: collisions give a SHA-1 bank the same value twice. */
export function checkPcrBank(evidence: ParsedEvidence): Verdict {
  const quote = quoteInfo(evidence)
  if (quote === undefined) return unreadable('quote')
  const pcrsOf = (weak: boolean) =>
    quote.pcrSelect.filter(({ hash }) => (hash === 'sha1') === weak).flatMap(({ pcrs }) => pcrs)
  const [sha1, strong] = [pcrsOf(true), pcrsOf(false)]
  if (sha1.length + strong.length === 0) return skip('PCR_NONE', 'no PCR was quoted')
  const alone = sha1.filter((pcr) => !strong.includes(pcr))
  if (alone.length > 0) {
    return fail('PCR_SHA1_ALONE', `PCR ${alone.join(', ')} is quoted in the SHA-1 bank alone`)
  }
  return sha1.length === 0
    ? pass('PCR_BANKS_STRONG', 'every quoted bank is SHA-2')
    : warn('PCR_SHA1_BESIDE', 'a SHA-1 bank is quoted beside a stronger one')
}
