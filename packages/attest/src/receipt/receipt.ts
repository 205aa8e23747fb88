import type { TpmAttestation } from '../evidence/evidence.js'
import type { PolicyDocument } from '../policy/policy.js'
import type { AttestationResult } from '../result/result.js'
import type { SaltedDigest } from './digest.js'

/** Identifies type and version of the record. */
export const RECEIPT_FORMAT = 'nomyo-receipt/1'

/**
 * Record of one answered request, from which the evidence can be appraised again later, offline. It
 * holds no text of request or answer, and no key. Its writer controls the content: others can rely on
 * the statements that the TPM signed, appraised by a policy of their own.
 */
export interface Receipt {
  readonly format: typeof RECEIPT_FORMAT
  /** Time at which the answer was decrypted, by the client's clock; ISO 8601, UTC. */
  readonly createdAt: string
  /** Software that wrote the receipt, as `name/version`. */
  readonly writtenBy: string
  readonly payloadId: string
  /** Content of the quote: the hash of the payload id, or the id itself. */
  readonly payloadIdMode: 'sha256'
  /** Label of the suite that encrypted the request and the answer. */
  readonly algorithm: string
  /** `sha256/...` of the server key that the request was encrypted to. */
  readonly serverKey: string
  /** Digest of the canonical JSON (RFC 8785) of the plaintext request. */
  readonly request: SaltedDigest
  /** Digest of the canonical JSON (RFC 8785) of the plaintext answer, without its `_metadata`. */
  readonly answer: SaltedDigest
  /** Evidence in the answer, as received; null where there was none. */
  readonly evidence: TpmAttestation | null
  /** Evidence that endorsed the server key before anything was encrypted to it. */
  readonly keyEvidence: KeyEvidence | null
  /** Content of the policy file that the evidence was appraised by; null where there was none. */
  readonly policy: PolicyDocument | null
  /** Result at that time; null where nothing was appraised. */
  readonly result: Pick<AttestationResult, 'tier' | 'trust' | 'checks'> | null
}

/** Evidence that endorses a server key. */
export interface KeyEvidence {
  /** DER of the SubjectPublicKeyInfo, in base64. */
  readonly spki: string
  /** Nonce of the client, in base64. */
  readonly nonce: string
  /** Evidence as received from the server. */
  readonly evidence: TpmAttestation
}
