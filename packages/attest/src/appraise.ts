import { digest } from './bytes/digest.js'
import { toHex, toHexNumber } from './bytes/hex.js'
import { AK_NAME_NOT_COVERED } from './checks/ak-trust.js'
import { CHECK_IDS, runChecks, type Verdicts } from './checks/checks.js'
import { parseEvidence, quotedPcrs, type ParsedEvidence } from './evidence/parsed-evidence.js'
import { checkPolicy, type AppraisalPolicy } from './policy/rules.js'
import type { QuoteClaims } from './result/claims.js'
import type { AttestationResult } from './result/result.js'
import { summarize } from './result/tier.js'
import { fail, type Verdict } from './result/verdict.js'
import { resolveEndorsement } from './trust/endorsements.js'

/**
 * Appraises the evidence of one quote by a policy (RFC 9334): every check of {@link CHECK_IDS}, each
 * with its reason. Bad evidence of any kind gives a result with failed checks, never an exception; call
 * `requireTier` to continue only with a good one.
 *
 * Pure: no clock, no network, no state.
 *
 * @param evidence - the member `tpm_attestation` of an answer, as received
 * @throws PolicyError `ERR_POLICY_INVALID` when the policy itself cannot be used
 * @example
 * ```ts
 * import { appraise, pinnedAk, requireTier } from '@nomyo/attest'
 *
 * declare const answer: { _metadata: { payload_id: string; tpm_attestation: unknown } }
 * declare const akName: Uint8Array
 *
 * const { payload_id: payloadId, tpm_attestation: evidence } = answer._metadata
 * const result = await appraise(evidence, {
 *   nonce: { payloadId, mode: 'sha256' },
 *   requiredPcrs: 'sha256:0,7',
 *   trust: [pinnedAk(akName)],
 * })
 * requireTier(result, 'warning')
 * ```
 */
export async function appraise(
  evidence: unknown,
  policy: AppraisalPolicy,
): Promise<AttestationResult> {
  const checked = checkPolicy(policy)
  try {
    return await appraiseParsed(await parseEvidence(evidence, checked))
  } catch (error) {
    // Unforeseen, so the evidence supports no claim.
    const verdict = fail('APPRAISAL_FAILED', describe(error))
    return summarize(
      Object.fromEntries(CHECK_IDS.map((id) => [id, verdict])) as Verdicts,
      'unendorsed',
      undefined,
    )
  }
}

/**
 * Runs the checks on parsed evidence and summarizes their verdicts.
 *
 * @param own - verdicts in place of checks that do not apply to this kind of statement
 * @param refine - completes the signed facts of the statement, or withholds them
 */
export async function appraiseParsed(
  evidence: ParsedEvidence,
  own: Partial<Verdicts> = {},
  refine: (claims: QuoteClaims) => QuoteClaims | undefined = (claims) => claims,
): Promise<AttestationResult> {
  const decision = await resolveEndorsement(evidence)
  const verdicts = await runChecks(evidence, decision, own)
  const claims = await claimsOf(evidence, verdicts['ak.name'])
  return summarize(verdicts, decision.endorsement.trust, claims && refine(claims))
}

/** Returns the facts that the signature covers; the verdicts decide whether they count. */
async function claimsOf(
  evidence: ParsedEvidence,
  akName: Verdict,
): Promise<QuoteClaims | undefined> {
  const { ak, quote, policy, hierarchy } = evidence
  if (ak.value === undefined || quote.value === undefined) return undefined
  const { qualifiedSigner, clockInfo, firmwareVersion } = quote.value
  const { nonce } = policy
  return {
    ...(akName.code === AK_NAME_NOT_COVERED ? {} : { akName: toHex(ak.value.name) }),
    qualifiedSigner: toHex(qualifiedSigner),
    ...(hierarchy === undefined ? {} : { hierarchy }),
    pcrs: quotedPcrs(evidence),
    clock: { ...clockInfo, clock: String(clockInfo.clock) },
    firmwareVersion: toHexNumber(firmwareVersion),
    ...('spki' in nonce ? { boundKey: toHex(await digest('sha256', nonce.spki)) } : {}),
    ...('statement' in nonce
      ? { boundStatement: toHex(await digest('sha256', nonce.statement)) }
      : {}),
  }
}

/** Evidence can supply the thrown value, whose members may throw again. */
function describe(error: unknown): string {
  const text = 'the appraisal itself failed'
  try {
    return error instanceof Error ? `${text}: ${error.message}` : text
  } catch {
    return text
  }
}
