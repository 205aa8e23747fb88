import { TpmParseError } from '../errors.js'
import { quoteInfo, type Facts } from '../facts.js'
import { MAX_PCR, isHashName, parsePcrSelection } from '../pcr/selection.js'
import { fail, pass, type Verdict } from '../result.js'
import type { SignedSelection } from '../structures/attest.js'
import { unreadable } from './evidence.js'

/**
 * The signed selection decides which PCRs were quoted. A TPM also signs no PCR at all, or one bank
 * twice, and silently drops a bank it does not have; what the sender lists beside it is only a claim
 * that must agree (CVE-2024-29039, CVE-2022-0317).
 */
export function checkPcrSelection(facts: Facts): Verdict {
  const signed = quoteInfo(facts)?.pcrSelect
  if (signed === undefined) return unreadable('quote')
  return selectionFlaw(signed) ?? claimsAgree(signed, facts) ?? requiredPresent(signed, facts)
}

function selectionFlaw(signed: readonly SignedSelection[]): Verdict | undefined {
  if (signed.length === 0) return fail('PCR_SELECTION_EMPTY', 'no PCR was quoted')
  if (signed.some(({ pcrs }) => pcrs.length === 0)) {
    return fail('PCR_MASK_EMPTY', 'a bank was quoted without a PCR: the TPM does not have it')
  }
  if (signed.some(({ hash }) => hash === undefined)) {
    return fail('PCR_BANK_UNKNOWN', 'a quoted bank is not SHA-1 or SHA-2')
  }
  if (new Set(signed.map(({ hashId }) => hashId)).size !== signed.length) {
    return fail('PCR_BANK_TWICE', 'a bank was quoted twice')
  }
  if (signed.some(({ pcrs }) => pcrs.some((pcr) => pcr > MAX_PCR))) {
    return fail('PCR_OUT_OF_RANGE', `a PCR beyond ${MAX_PCR} was quoted`)
  }
  return undefined
}

/** What was signed, what was listed, and the values that came along name the same PCRs. */
function claimsAgree(
  signed: readonly SignedSelection[],
  { evidence: { pcrBanks, pcrValues } }: Facts,
): Verdict | undefined {
  const wanted = [...slots(signed)].sort().join(' ')
  const listed = listedSlots(pcrBanks ?? '')
  if (listed === undefined) {
    return fail('PCR_BANKS_MALFORMED', 'pcr_banks is not of the form sha256:0,7,10')
  }
  if ([...listed].sort().join(' ') !== wanted) {
    return fail('PCR_BANKS_DIFFER', 'pcr_banks lists other PCRs than were signed', {
      expected: wanted,
      actual: pcrBanks ?? '',
    })
  }
  // Names of banks are the sender's text: one with a space in it could pass for two PCRs below.
  if (!Object.keys(pcrValues ?? {}).every(isHashName)) {
    return fail('PCR_VALUES_DIFFER', 'the values that came along are of a bank that was not signed')
  }
  const sent = Object.entries(pcrValues ?? {}).flatMap(([bank, values]) =>
    Object.keys(values).map((pcr) => `${bank}:${pcr}`),
  )
  return sent.sort().join(' ') === wanted
    ? undefined
    : fail('PCR_VALUES_DIFFER', 'the values that came along are of other PCRs than were signed', {
        expected: wanted,
        actual: sent.join(' '),
      })
}

function requiredPresent(signed: readonly SignedSelection[], { policy }: Facts): Verdict {
  const quoted = new Set(slots(signed))
  const missing = slots(policy.requiredPcrs).filter((slot) => !quoted.has(slot))
  return missing.length === 0
    ? pass('PCR_SELECTION_COMPLETE', 'every required PCR was quoted')
    : fail('PCR_REQUIRED_MISSING', `not quoted: ${missing.join(' ')}`)
}

function listedSlots(pcrBanks: string): string[] | undefined {
  try {
    return slots(parsePcrSelection(pcrBanks))
  } catch (error) {
    if (error instanceof TpmParseError) return undefined
    throw error
  }
}

/** `sha256:7` for every PCR of a selection. */
function slots(
  selection: readonly { readonly hash: string | undefined; readonly pcrs: readonly number[] }[],
): string[] {
  return selection.flatMap(({ hash, pcrs }) => pcrs.map((pcr) => `${hash ?? ''}:${pcr}`))
}
