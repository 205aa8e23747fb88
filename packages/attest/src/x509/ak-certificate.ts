import type { TrustAnchor } from '../trust/anchor.js'
import { KEY_USAGE } from './extensions.js'
import { createJudge, type CertificateChain } from './judge.js'

/** tcg-kp-AIKCertificate, 2.23.133.8.3 */
const AK_CERTIFICATE = '6781050803'

/**
 * Vouches for the attestation key a certificate is for, when a path of signatures leads from the
 * certificate to one of `roots`. The certificate usually comes with the evidence; the roots are the
 * caller's. A CA that issues such certificates says that it saw the key in a genuine TPM.
 *
 * Signatures of RSA (2048 bits and more) and ECDSA on P-256, P-384 and P-521 with SHA-2 are believed;
 * revocation is not looked at. Certificates are judged at the appraisal's `now`; without one,
 * `ak.certificate.validity` fails.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` when `roots` is no list of certificates (an empty one is
 * allowed: then nothing is believed)
 */
export function akCertificate(chain: CertificateChain): TrustAnchor {
  const judge = createJudge(chain, {
    kind: 'AK',
    purpose: AK_CERTIFICATE,
    keyUsage: () => KEY_USAGE.digitalSignature,
  })
  return { kind: 'ak-certificate', vouchFor: ({ publicArea }, now) => judge(publicArea, now) }
}
