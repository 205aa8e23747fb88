import type { Parsed, ParsedEvidence } from '../evidence/parsed-evidence.js'
import { fail, pass, type Verdict } from '../result/verdict.js'

/** Checks that the object has the members of the format, with their types and within their limits. */
export function checkEvidenceShape({ flaw }: ParsedEvidence): Verdict {
  return flaw === undefined
    ? pass('EVIDENCE_WELL_FORMED', 'every member exists and has its type')
    : fail(flaw.code, flaw.detail)
}

/** Checks that a structure was parsed to its last byte. */
export function checkParsed(name: string, { problem }: Parsed<unknown>): Verdict {
  return problem === undefined
    ? pass('STRUCTURE_READ', `the ${name} was parsed to its last byte`)
    : fail('STRUCTURE_INVALID', `the ${name} ${problem}`)
}

/** Verdict of a check whose subject could not be parsed. */
export function unreadable(name: string): Verdict {
  return fail('STRUCTURE_INVALID', `no ${name} could be parsed`)
}
