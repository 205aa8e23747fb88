import { AttestationError, requireTier, type AttestationResult } from '@nomyo/attest'
import type { OpenedJson } from '@nomyo/crypto'
import { sealedMetadata } from '../completion/open-response.js'
import type { KeyAttestation } from './key-attestation.js'
import type { AttestationConfig, AttestationEvent } from './options.js'

/** How this client judges machines. */
export interface Attestation {
  readonly config: AttestationConfig
  readonly key: KeyAttestation
}

/** What an answer is judged beside its payload id. */
export interface AnswerCircumstances {
  readonly subject?: AttestationEvent['subject']
  /**
   * The result by which its request was let go. Default: the last one. Other calls may have had the
   * machine asked again in between, or found it restarted.
   */
  readonly vouched?: AttestationResult | undefined
}

/**
 * Judges the evidence in an opened answer, before anybody sees its text: made for this payload id, and
 * by a machine that was not restarted since it vouched for its key.
 *
 * @throws AttestationError `ERR_ATTESTATION_FAILED`
 */
export async function appraiseAnswer(
  { value }: OpenedJson,
  payloadId: string,
  { config, key }: Attestation,
  { subject = 'answer', vouched }: AnswerCircumstances = {},
): Promise<AttestationResult> {
  const { policy, tier, payloadIdMode, onResult } = config
  const metadata = sealedMetadata(value)
  const result = await policy.appraise(metadata['tpm_attestation'], {
    nonce: { payloadId, mode: payloadIdMode },
    previous: subject === 'answer' ? (vouched?.verified ?? key.previous()) : undefined,
    now: new Date(),
  })
  onResult({ subject, result, payloadId })
  try {
    requireTier(result, tier)
  } catch (error) {
    // What was believed of the machine before no longer holds.
    key.forget()
    if (error instanceof AttestationError) error.payloadId = payloadId
    throw error
  }
  return result
}
