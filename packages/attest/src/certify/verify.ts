import type { AttestationResult } from '../result.js'
import { judgeCertification, type CertifyEvidence, type CertifyPolicy } from './statement.js'

/**
 * Judges a TPM2_Certify: an attestation key says that an object is loaded in its TPM (Part 3, 18.2).
 * What is bound is under `binding`, the object's policy under `pcr.policy`.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` when the policy itself cannot be used
 */
export function verifyCertify(
  evidence: CertifyEvidence,
  policy: CertifyPolicy,
): Promise<AttestationResult> {
  return judgeCertification('certify', evidence, policy)
}

/**
 * Judges a TPM2_CertifyCreation: like {@link verifyCertify}, and the TPM made the object itself
 * (Part 3, 18.3).
 *
 * @throws PolicyError `ERR_POLICY_INVALID` when the policy itself cannot be used
 */
export function verifyCreation(
  evidence: CertifyEvidence,
  policy: CertifyPolicy,
): Promise<AttestationResult> {
  return judgeCertification('creation', evidence, policy)
}
