import { digest } from './bytes/digest.js'
import { toHex, toHexNumber } from './bytes/hex.js'
import { AK_NAME_NOT_COVERED } from './checks/ak-name.js'
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
  type Verdict,
  type Verdicts,
} from './result.js'
import { judgeStatement } from './statement.js'
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
  return conclude(verdicts, trustee.vouching.trust, await claimsOf(facts, statement['ak.name']))
}

/** The facts the signature covers; whether they count is decided with the checks. */
export async function claimsOf(facts: Facts, akName: Verdict): Promise<QuoteClaims | undefined> {
  const { ak, quote, policy, hierarchy } = facts
  if (ak.value === undefined || quote.value === undefined) return undefined
  const { qualifiedSigner, clockInfo, firmwareVersion } = quote.value
  return {
    ...(akName.code === AK_NAME_NOT_COVERED ? {} : { akName: toHex(ak.value.name) }),
    qualifiedSigner: toHex(qualifiedSigner),
    ...(hierarchy === undefined ? {} : { hierarchy }),
    pcrs: quotedPcrs(facts),
    clock: { ...clockInfo, clock: String(clockInfo.clock) },
    firmwareVersion: toHexNumber(firmwareVersion),
    ...(await boundKeyOf(policy)),
  }
}

async function boundKeyOf({ nonce }: CheckedPolicy): Promise<{ boundKey?: string }> {
  return 'spki' in nonce ? { boundKey: toHex(await digest('sha256', nonce.spki)) } : {}
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
