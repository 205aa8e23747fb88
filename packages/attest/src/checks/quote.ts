import type { ParsedEvidence } from '../evidence/parsed-evidence.js'
import { fail, pass, type Verdict } from '../result/verdict.js'
import { TPM_GENERATED_VALUE, TPM_ST } from '../structures/constants.js'
import { unreadable } from './evidence.js'

/**
 * Checks that the structure begins with TPM_GENERATED_VALUE. A restricted key signs such bytes only
 * when its TPM generated them; without this check any signed text would pass (CVE-2024-29038).
 */
export function checkQuoteMagic({ quote: { value } }: Pick<ParsedEvidence, 'quote'>): Verdict {
  if (value === undefined) return unreadable('quote')
  return value.magic === TPM_GENERATED_VALUE
    ? pass('MAGIC_TPM_GENERATED', 'the structure begins with TPM_GENERATED_VALUE')
    : fail('MAGIC_WRONG', 'the structure does not begin with TPM_GENERATED_VALUE')
}

/** Checks that the structure is a quote, not another attestation by the same key. */
export function checkQuoteType({ quote: { value } }: ParsedEvidence): Verdict {
  if (value === undefined) return unreadable('quote')
  return value.typeId === TPM_ST.ATTEST_QUOTE
    ? pass('TYPE_QUOTE', 'the structure is a quote')
    : fail('TYPE_WRONG', 'the structure is an attestation of another type')
}
