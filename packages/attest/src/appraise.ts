import { digest, equalBytes } from './bytes/digest.js'
import { toHex, toHexNumber } from './bytes/hex.js'
import { checkBinding } from './checks/binding.js'
import { checkEvidenceShape } from './checks/evidence.js'
import { checkLog } from './checks/logs.js'
import { checkPcrBank } from './checks/pcr-bank.js'
import { checkPcrDigest } from './checks/pcr-digest.js'
import { checkPcrPolicy } from './checks/pcr-policy.js'
import { checkPcrSelection } from './checks/pcr-selection.js'
import { checkQuoteType } from './checks/quote-type.js'
import { gatherFacts, quotedPcrs, type Facts } from './facts.js'
import { checkPolicy, type AppraisalPolicy, type CheckedPolicy } from './policy.js'
import {
  CHECK_IDS,
  fail,
  type AttestationResult,
  type QuoteClaims,
  type Verdicts,
} from './result.js'
import { judgeStatement } from './statement.js'
import { TPM_RH, type Hierarchy } from './structures/constants.js'
import { computeQualifiedName } from './structures/name.js'
import { conclude } from './tier.js'
import { askAnchors } from './trust/judge.js'

/**
 * Judges the evidence of one quote by a policy: every check of {@link CHECK_IDS}, each with its
 * reason. Bad evidence of any kind gives a result with failed checks, never an exception; use
 * {@link requireTier} to go on only with a good one.
 *
 * Pure: no clock, no network, no state.
 *
 * @param evidence - the member `tpm_attestation` of an answer, as it came
 * @throws PolicyError `ERR_POLICY_INVALID` when the policy itself cannot be used
 */
export async function appraise(
  evidence: unknown,
  policy: AppraisalPolicy,
): Promise<AttestationResult> {
  const checked = checkPolicy(policy)
  try {
    return await judge(await gatherFacts(evidence, checked))
  } catch (error) {
    // Not foreseen, so nothing can be said for the evidence.
    const verdict = fail('APPRAISAL_FAILED', unforeseen(error))
    return conclude(
      Object.fromEntries(CHECK_IDS.map((id) => [id, verdict])) as Verdicts,
      'unendorsed',
      undefined,
    )
  }
}

async function judge(facts: Facts): Promise<AttestationResult> {
  const trustee = await askAnchors(facts)
  const pcrDigest = await checkPcrDigest(facts)
  const statement = await judgeStatement(facts, trustee)
  const verdicts: Verdicts = {
    ...statement,
    'evidence.shape': checkEvidenceShape(facts),
    'quote.type': checkQuoteType(facts),
    'pcr.selection': checkPcrSelection(facts),
    'pcr.digest': pcrDigest,
    'pcr.bank': checkPcrBank(facts),
    'pcr.policy': checkPcrPolicy(facts),
    binding: checkBinding(facts, statement.nonce),
    eventlog: checkLog('event log', facts.policy.eventLog, facts, pcrDigest),
    ima: checkLog('IMA log', facts.policy.ima, facts, pcrDigest),
  }
  return conclude(verdicts, trustee.vouching.trust, await claimsOf(facts))
}

/** The facts the signature covers; whether they count is decided with the checks. */
export async function claimsOf(facts: Facts): Promise<QuoteClaims | undefined> {
  const { ak, quote, policy } = facts
  if (ak.value === undefined || quote.value === undefined) return undefined
  const hierarchy = await hierarchyOf(ak.value.name, quote.value.qualifiedSigner)
  return {
    akName: toHex(ak.value.name),
    ...(hierarchy === undefined ? {} : { hierarchy }),
    pcrs: quotedPcrs(facts),
    clock: { ...quote.value.clockInfo, clock: String(quote.value.clockInfo.clock) },
    firmwareVersion: toHexNumber(quote.value.firmwareVersion),
    ...(await boundKeyOf(policy)),
  }
}

async function boundKeyOf({ nonce }: CheckedPolicy): Promise<{ boundKey?: string }> {
  return 'spki' in nonce ? { boundKey: toHex(await digest('sha256', nonce.spki)) } : {}
}

/** The Qualified Name of a primary key can be computed, so its hierarchy can be recognised. */
async function hierarchyOf(
  name: Uint8Array,
  qualifiedSigner: Uint8Array,
): Promise<Hierarchy | undefined> {
  for (const hierarchy of Object.keys(TPM_RH) as Hierarchy[]) {
    if (equalBytes(await computeQualifiedName(hierarchy, name), qualifiedSigner)) return hierarchy
  }
  return undefined
}

/** What was thrown may be the evidence's own, and throw again when it is looked at. */
function unforeseen(error: unknown): string {
  const text = 'the appraisal itself failed'
  try {
    return error instanceof Error ? `${text}: ${error.message}` : text
  } catch {
    return text
  }
}
