import type { PolicyDocument } from '../attestation-policy.js'
import type { TpmAttestation } from '../evidence.js'
import type { AttestationResult } from '../result.js'
import type { SaltedDigest } from './digest.js'

/** Says what kind of record it is, and in which form. */
export const RECEIPT_FORMAT = 'nomyo-receipt/1'

/**
 * The record of one answered request, from which the machine can be judged again later, offline. It
 * holds no text of request or answer, and no key. Whoever writes a receipt could write anything into
 * it: what others can rely on is what the TPM signed, held against a policy of their own.
 */
export interface Receipt {
  readonly format: typeof RECEIPT_FORMAT
  /** When the answer was opened, by the client's clock; ISO 8601, UTC. */
  readonly createdAt: string
  /** The software that wrote it, as `name/version`. */
  readonly writtenBy: string
  readonly payloadId: string
  /** What the quote carries: the hash of the payload id, or the id itself. */
  readonly payloadIdMode: 'sha256' | 'raw'
  /** The label of the suite the request and the answer were sealed with. */
  readonly algorithm: string
  /** `sha256/...` of the server key the request was sealed for. */
  readonly serverKey: string
  /** Of the canonical JSON (RFC 8785) of what was sealed. */
  readonly request: SaltedDigest
  /** Of the canonical JSON (RFC 8785) of what was opened, without its `_metadata`. */
  readonly answer: SaltedDigest
  /** The evidence in the answer, as it was; null where there was none. */
  readonly evidence: TpmAttestation | null
  /** By which the machine vouched for the server key before anything was sealed. */
  readonly keyEvidence: KeyEvidence | null
  /** The content of the policy file it was judged by; null where there was none. */
  readonly policy: PolicyDocument | null
  /** What came of it then; null where nothing was judged. */
  readonly result: Pick<AttestationResult, 'tier' | 'trust' | 'checks'> | null
}

/** Evidence for a server key. */
export interface KeyEvidence {
  /** DER of the SubjectPublicKeyInfo, in base64. */
  readonly spki: string
  /** The nonce of the client, in base64. */
  readonly nonce: string
  /** As the server gave it. */
  readonly evidence: TpmAttestation
}
