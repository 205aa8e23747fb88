import type { Facts, Parsed } from '../facts.js'
import { fail, pass, type Verdict } from '../result.js'

/** The object has the members of the format, of their types and within their limits. */
export function checkEvidenceShape({ flaw }: Facts): Verdict {
  return flaw === undefined
    ? pass('EVIDENCE_WELL_FORMED', 'every member is there and of its type')
    : fail(flaw.code, flaw.detail)
}

/** A structure was read to its last byte. */
export function checkParsed(what: string, { problem }: Parsed<unknown>): Verdict {
  return problem === undefined
    ? pass('STRUCTURE_READ', `the ${what} was read to its last byte`)
    : fail('STRUCTURE_INVALID', `the ${what} ${problem}`)
}

/** What a check says whose subject could not be read. */
export function unreadable(what: string): Verdict {
  return fail('STRUCTURE_INVALID', `there is no readable ${what} to look at`)
}
