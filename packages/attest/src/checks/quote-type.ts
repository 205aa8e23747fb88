import type { Facts } from '../facts.js'
import { fail, pass, type Verdict } from '../result.js'
import { TPM_ST } from '../structures/constants.js'
import { unreadable } from './evidence.js'

/** The structure is a quote, not another attestation of the same key. */
export function checkQuoteType({ quote: { value } }: Facts): Verdict {
  if (value === undefined) return unreadable('quote')
  return value.typeId === TPM_ST.ATTEST_QUOTE
    ? pass('TYPE_QUOTE', 'the structure is a quote')
    : fail('TYPE_WRONG', 'the structure is an attestation of another kind')
}
