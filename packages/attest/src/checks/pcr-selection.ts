import { TpmParseError } from '../attest-error.js'
import { quoteInfo, type ParsedEvidence } from '../evidence/parsed-evidence.js'
import { fail, pass, type Verdict } from '../result/verdict.js'
import type { SignedSelection } from '../structures/attest.js'
import { MAX_PCR, isHashName, parsePcrSelection } from '../structures/pcr-selection.js'
import { tryParse } from '../structures/reader.js'
import { unreadable } from './evidence.js'

/**
 * Checks the signed selection, which decides which PCRs were quoted. A TPM also signs an empty selection,
 * or one bank twice, and silently drops a bank it does not have; the list that the sender adds is only a
 * claim that must agree (CVE-2024-29039, CVE-2022-0317).
 */
export function checkPcrSelection(evidence: ParsedEvidence): Verdict {
  const signed = quoteInfo(evidence)?.pcrSelect
  if (signed === undefined) return unreadable('quote')
  return selectionFlaw(signed) ?? claimsAgree(signed, evidence) ?? requiredPresent(signed, evidence)
}

function selectionFlaw(signed: readonly SignedSelection[]): Verdict | undefined {
  if (signed.length === 0) return fail('PCR_SELECTION_EMPTY', 'no PCR was quoted')
  if (signed.some(({ pcrs }) => pcrs.length === 0)) {
    return fail('PCR_MASK_EMPTY', 'a bank was quoted without a PCR: the TPM lacks that bank')
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

/** Checks that the signed selection, the listed one and the transmitted values name the same PCRs. */
function claimsAgree(
  signed: readonly SignedSelection[],
  { evidence: { pcrBanks, pcrValues } }: ParsedEvidence,
): Verdict | undefined {
  const expected = [...slots(signed)].sort().join(' ')
  const listed = listedSlots(pcrBanks ?? '')
  if (listed === undefined) {
    return fail('PCR_BANKS_MALFORMED', 'pcr_banks is not of the form sha256:0,7,10')
  }
  if ([...listed].sort().join(' ') !== expected) {
    return fail('PCR_BANKS_DIFFER', 'pcr_banks does not list the signed PCRs', {
      expected,
      actual: pcrBanks ?? '',
    })
  }
  // Names of banks are attacker-controlled: one with a space in it could pass for two PCRs below.
  if (!Object.keys(pcrValues ?? {}).every(isHashName)) {
    return fail('PCR_VALUES_DIFFER', 'the transmitted values are of a bank that was not signed')
  }
  const sent = Object.entries(pcrValues ?? {}).flatMap(([bank, values]) =>
    Object.keys(values).map((pcr) => `${bank}:${pcr}`),
  )
  return sent.sort().join(' ') === expected
    ? undefined
    : fail('PCR_VALUES_DIFFER', 'the transmitted values are not those of the signed PCRs', {
        expected,
        actual: sent.join(' '),
      })
}

function requiredPresent(signed: readonly SignedSelection[], { policy }: ParsedEvidence): Verdict {
  const quoted = new Set(slots(signed))
  const missing = slots(policy.requiredPcrs).filter((slot) => !quoted.has(slot))
  return missing.length === 0
    ? pass('PCR_SELECTION_COMPLETE', 'every required PCR was quoted')
    : fail('PCR_REQUIRED_MISSING', `not quoted: ${missing.join(' ')}`)
}

function listedSlots(pcrBanks: string): string[] | undefined {
  const listed = tryParse(() => parsePcrSelection(pcrBanks))
  return listed instanceof TpmParseError ? undefined : slots(listed)
}

/** Lists every PCR of a selection as `sha256:7`. */
function slots(
  selection: readonly { readonly hash: string | undefined; readonly pcrs: readonly number[] }[],
): string[] {
  return selection.flatMap(({ hash, pcrs }) => pcrs.map((pcr) => `${hash ?? ''}:${pcr}`))
}
