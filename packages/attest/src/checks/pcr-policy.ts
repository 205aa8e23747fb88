import { quoteInfo, quotedPcrs, type Facts } from '../facts.js'
import { fail, pass, skip, type Verdict } from '../result.js'
import { unreadable } from './evidence.js'

/** Every PCR the policy has reference values for was quoted with one of them. */
export function checkPcrPolicy(facts: Facts): Verdict {
  const { referenceValues } = facts.policy
  if (referenceValues === undefined) {
    return skip('PCR_NO_REFERENCE', 'no reference values were given')
  }
  if (quoteInfo(facts) === undefined) return unreadable('quote')

  const quoted = quotedPcrs(facts)
  const judged: string[] = []
  for (const [bank, values] of Object.entries(referenceValues)) {
    for (const [pcr, allowed] of Object.entries(values)) {
      const actual = quoted[bank]?.[pcr]
      if (actual === undefined) {
        return fail('PCR_REFERENCE_NOT_QUOTED', `${bank} PCR ${pcr} was not quoted`)
      }
      const list = typeof allowed === 'string' ? [allowed] : allowed
      if (!list.some((value) => value.toLowerCase() === actual)) {
        const expected = list.join(' or ')
        return fail('PCR_REFERENCE_MISMATCH', `${bank} PCR ${pcr} has a value that is not known`, {
          expected,
          actual,
        })
      }
      judged.push(`${bank}:${pcr}`)
    }
  }
  return pass('PCR_REFERENCE_EQUAL', `as expected: ${judged.join(' ')}`)
}
