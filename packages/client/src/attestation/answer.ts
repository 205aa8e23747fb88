import { AttestationError, requireTier, type AttestationResult } from '@nomyo/attest'
import type { KeyAttestation } from './key-attestation.js'

/** The evidence in a decrypted answer, and its request. */
export interface AnswerEvidence {
  readonly payloadId: string
  /** `tpm_attestation` of the answer, as received. */
  readonly evidence: unknown
  /**
   * The result that allowed its request. Default: the last one. In between, another call may have
   * attested the machine again, or found it restarted.
   */
  readonly allowedBy: AttestationResult | undefined
}

/**
 * Appraises the evidence in an answer before its text is returned: it must be made for this payload id,
 * by a machine that has not restarted since it attested its key.
 *
 * @throws AttestationError `ERR_ATTESTATION_FAILED`
 */
export async function appraiseAnswer(
  { payloadId, evidence, allowedBy }: AnswerEvidence,
  attestation: KeyAttestation,
): Promise<AttestationResult> {
  const { policy, tier, onResult } = attestation.config
  const result = await policy.appraise(evidence, {
    nonce: { payloadId, mode: 'sha256' },
    previous: allowedBy?.verified ?? attestation.previous(),
    now: new Date(),
  })
  onResult({ subject: 'answer', result, payloadId })
  try {
    requireTier(result, tier)
  } catch (error) {
    // Earlier results about the machine no longer hold.
    attestation.forget()
    if (error instanceof AttestationError) error.payloadId = payloadId
    throw error
  }
  return result
}
