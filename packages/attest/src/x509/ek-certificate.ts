import type { EkAnchor } from '../credential/ek-anchor.js'
import { KEY_USAGE } from './extensions.js'
import { createJudge, type CertificateChain } from './judge.js'

/** tcg-kp-EKCertificate, 2.23.133.8.1 */
const EK_CERTIFICATE = '6781050801'

/**
 * Vouches for the endorsement key a certificate of the TPM's manufacturer is for (TCG EK Credential
 * Profile). The rules are those of {@link akCertificate}, with the purpose and keyUsage of an EK.
 *
 * An EK signs nothing: it comes to an attestation key by `activatedAk` of `@nomyo/attest/credential`.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` when `roots` is no list of certificates
 */
export function ekCertificate(chain: CertificateChain): EkAnchor {
  return {
    kind: 'ek-certificate',
    vouchForEk: createJudge(chain, {
      kind: 'EK',
      purpose: EK_CERTIFICATE,
      keyUsage: ({ type }) => (type === 'RSA' ? KEY_USAGE.keyEncipherment : KEY_USAGE.keyAgreement),
    }),
  }
}
