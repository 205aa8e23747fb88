import type { EkAnchor } from '../trust/anchor.js'
import { KEY_USAGE } from './extensions.js'
import { certificateEndorser, type CertificateChain } from './verify-chain.js'

/** tcg-kp-EKCertificate, 2.23.133.8.1 */
const EK_CERTIFICATE = '6781050801'

/**
 * Creates a trust anchor that endorses the endorsement key in a certificate of the TPM's manufacturer
 * (TCG EK Credential Profile). The rules are those of `akCertificate`, with the purpose and keyUsage of
 * an EK.
 *
 * An EK signs nothing: `activatedAk` of `@nomyo/attest/credential` extends its trust to an attestation
 * key.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` when `roots` is not a list of certificates
 */
export function ekCertificate(chain: CertificateChain): EkAnchor {
  return {
    kind: 'ek-certificate',
    endorseEk: certificateEndorser(chain, {
      kind: 'EK',
      purposes: [EK_CERTIFICATE],
      // AMD's EKs on a curve have the bit of RSA keys.
      keyUsage: ({ type }) =>
        type === 'RSA'
          ? KEY_USAGE.keyEncipherment
          : KEY_USAGE.keyAgreement | KEY_USAGE.keyEncipherment,
    }),
  }
}
