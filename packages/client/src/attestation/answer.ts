import type { AttestationResult } from '@nomyo/attest'
import { AttestationError, requireTier } from '@nomyo/attest/errors'
import type { KeyAttestation, KeyAttestationResult } from './key-attestation.js'

/** The evidence in a decrypted answer, and its request. */
export interface AnswerEvidence {
  readonly payloadId: string
  /** `tpm_attestation` of the answer, as received. */
  readonly evidence: unknown
  /**
   * The attestation that allowed its request. Default: the last one. In between, another call may have
   * attested the machine again, or found it restarted.
   */
  readonly allowedBy: KeyAttestationResult | undefined
}

/** The result for an answer, and the attestation of the server key by the machine that answered. */
export interface AppraisedAnswer {
  readonly result: AttestationResult
  readonly attested: KeyAttestationResult | undefined
}

/**
 * Appraises the evidence in an answer before its text is returned: it must be made for this payload id,
 * by a machine that has not restarted since it attested its key. Where several machines hold the key, that
 * is the one that answers, and not another one.
 *
 * @throws AttestationError `ERR_ATTESTATION_FAILED`
 */
export async function appraiseAnswer(
  { payloadId, evidence, allowedBy }: AnswerEvidence,
  attestation: KeyAttestation,
): Promise<AppraisedAnswer> {
  const { policy, tier, onResult } = attestation.config
  const appraise = (previous: KeyAttestationResult | undefined): Promise<AttestationResult> =>
    policy.appraise(evidence, {
      nonce: { payloadId, mode: 'sha256' },
      previous: previous?.result.verified,
      now: new Date(),
    })
  let attested = allowedBy ?? attestation.previous()
  let result = await appraise(attested)
  const signer = result.verified?.qualifiedSigner
  const other = signer && attestation.previous(signer)
  if (other && signer !== attested?.result.verified?.qualifiedSigner) {
    attested = other
    result = await appraise(other)
  }
  onResult({ subject: 'answer', result, payloadId })
  try {
    requireTier(result, tier)
  } catch (error) {
    // Earlier results about the machine no longer hold.
    attestation.forget()
    if (error instanceof AttestationError) error.payloadId = payloadId
    throw error
  }
  return { result, attested }
}
