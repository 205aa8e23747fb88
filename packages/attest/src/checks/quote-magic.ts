import type { Facts } from '../facts.js'
import { fail, pass, type Verdict } from '../result.js'
import { TPM_GENERATED_VALUE } from '../structures/constants.js'
import { unreadable } from './evidence.js'

/**
 * The structure begins with TPM_GENERATED_VALUE. A restricted key signs such bytes only when its TPM
 * made them; without this check any signed text would do (CVE-2024-29038).
 */
export function checkQuoteMagic({ quote: { value } }: Pick<Facts, 'quote'>): Verdict {
  if (value === undefined) return unreadable('quote')
  return value.magic === TPM_GENERATED_VALUE
    ? pass('MAGIC_TPM_GENERATED', 'the structure says a TPM made it')
    : fail('MAGIC_WRONG', 'the structure does not begin with TPM_GENERATED_VALUE')
}
