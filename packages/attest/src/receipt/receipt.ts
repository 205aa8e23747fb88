import type { TpmAttestation } from '../evidence/evidence.js'
import type { PolicyDocument } from '../policy/policy.js'
import type { AttestationResult } from '../result/result.js'
import type { SaltedDigest } from './digest.js'

/** Identifies the record of a request over wire 1. */
export const RECEIPT_FORMAT = 'nomyo-receipt/1'

/** Identifies the record of a request over wire 2: readers that do not know wire 2 refuse it. */
export const WIRE_2_RECEIPT_FORMAT = 'nomyo-receipt/2'

/**
 * Record of one answered request, from which the evidence can be appraised again later, offline. It
 * holds no text of request or answer, and no key. Its writer controls the content: others can rely on
 * the statements that the TPM signed, appraised by a policy of their own.
 */
export interface Receipt {
  readonly format: typeof RECEIPT_FORMAT | typeof WIRE_2_RECEIPT_FORMAT
  /** Time at which the answer was decrypted, by the client's clock; ISO 8601, UTC. */
  readonly createdAt: string
  /** Software that wrote the receipt, as `name/version`. */
  readonly writtenBy: string
  readonly payloadId: string
  /** Content of the quote: the hash of the payload id, or the id itself. */
  readonly payloadIdMode: 'sha256'
  /** Label of the suite that encrypted the request and the answer. */
  readonly algorithm: string
  /**
   * `sha256/...` of the server key that the request was encrypted to; over wire 2, of the identity key
   * that signed the statement about that key.
   */
  readonly serverKey: string
  /** Digest of the canonical JSON (RFC 8785) of the plaintext request. */
  readonly request: SaltedDigest
  /** Digest of the canonical JSON (RFC 8785) of the plaintext answer, without its `_metadata`. */
  readonly answer: SaltedDigest
  /** Evidence in the answer, as received; null where there was none. */
  readonly evidence: TpmAttestation | null
  /** Evidence that endorsed the server key before anything was encrypted to it; null over wire 2. */
  readonly keyEvidence: KeyEvidence | null
  /** Content of the policy file that the evidence was appraised by; null where there was none. */
  readonly policy: PolicyDocument | null
  /** Result at that time; null where nothing was appraised. */
  readonly result: Pick<AttestationResult, 'tier' | 'trust' | 'checks'> | null
  /** Facts about the exchange over wire 2; absent over wire 1. */
  readonly wire?: Wire2Facts
}

/** Facts about an exchange over wire 2. */
export interface Wire2Facts {
  readonly version: 2
  /** The key statement, in base64: request keys, their lifetime, the oldest wire. */
  readonly statement: string
  /** Signatures of the statement, as the gateway published them. */
  readonly signatures: readonly StatementSignature[]
  /** Encapsulated secret at the start of the request, in base64: no two requests share it. */
  readonly enc: string
  /** Evidence that endorsed the statement before anything was encrypted; null where there was none. */
  readonly evidence: StatementEvidence | null
}

/** Signature of a key statement. */
export interface StatementSignature {
  /** DER of the SubjectPublicKeyInfo of the identity key, in base64. */
  readonly identity: string
  /** In base64. */
  readonly signature: string
}

/** Evidence that endorses a key statement. */
export interface StatementEvidence {
  /** Nonce of the client, in base64. */
  readonly nonce: string
  /** Evidence as received from the server. */
  readonly evidence: TpmAttestation
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
