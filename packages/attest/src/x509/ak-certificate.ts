import type { TrustAnchor } from '../trust/anchor.js'
import { KEY_USAGE } from './extensions.js'
import { certificateEndorser, type CertificateChain } from './verify-chain.js'

/** tcg-kp-AIKCertificate, 2.23.133.8.3 */
const AK_CERTIFICATE = '6781050803'

/**
 * Creates a trust anchor that endorses the attestation key in a certificate, if a path of signatures
 * leads from the certificate to one of `roots`. The certificate usually comes with the evidence; the
 * roots are the caller's. A CA that issues such certificates asserts that the key is in a genuine TPM.
 *
 * Signatures of RSA (2048 bits and more) and ECDSA on P-256, P-384 and P-521 with SHA-2 are accepted;
 * revocation is not checked. Validity is checked at the appraisal's `now`; without one,
 * `ak.certificate.validity` fails.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` when `roots` is not a list of certificates (an empty one is
 * allowed: it trusts no certificate)
 * @example
 * ```ts
 * import { akCertificate } from '@nomyo/attest/x509'
 *
 * declare const leafPem: string, rootPem: string
 *
 * const anchor = akCertificate({ leaf: leafPem, roots: [rootPem] })
 * ```
 */
export function akCertificate(chain: CertificateChain): TrustAnchor {
  const endorse = certificateEndorser(chain, {
    kind: 'AK',
    purpose: AK_CERTIFICATE,
    keyUsage: () => KEY_USAGE.digitalSignature,
  })
  return { kind: 'ak-certificate', endorse: ({ publicArea }, now) => endorse(publicArea, now) }
}
