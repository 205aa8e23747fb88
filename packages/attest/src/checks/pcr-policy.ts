import { quoteInfo, quotedPcrs, type ParsedEvidence } from '../evidence/parsed-evidence.js'
import { fail, pass, skip, type Verdict } from '../result/verdict.js'
import { unreadable } from './evidence.js'

/** Checks that every PCR with reference values was quoted with one of them. */
export function checkPcrPolicy(evidence: ParsedEvidence): Verdict {
  const { referenceValues } = evidence.policy
  if (referenceValues === undefined) {
    return skip('PCR_NO_REFERENCE', 'the policy has no reference values')
  }
  if (quoteInfo(evidence) === undefined) return unreadable('quote')

  const quoted = quotedPcrs(evidence)
  const matched: string[] = []
  for (const [bank, values] of Object.entries(referenceValues)) {
    for (const [pcr, allowed] of Object.entries(values)) {
      const actual = quoted[bank]?.[pcr]
      if (actual === undefined) {
        return fail('PCR_REFERENCE_NOT_QUOTED', `${bank} PCR ${pcr} was not quoted`)
      }
      const list = typeof allowed === 'string' ? [allowed] : allowed
      if (!list.some((value) => value.toLowerCase() === actual)) {
        const expected = list.join(' or ')
        return fail('PCR_REFERENCE_MISMATCH', `${bank} PCR ${pcr} has an unknown value`, {
          expected,
          actual,
        })
      }
      matched.push(`${bank}:${pcr}`)
    }
  }
  return pass('PCR_REFERENCE_EQUAL', `these have reference values: ${matched.join(' ')}`)
}
