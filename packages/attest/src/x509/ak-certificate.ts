import { requireObject } from '../arguments.js'
import { PolicyError } from '../attest-error.js'
import type { TrustAnchor } from '../trust/anchor.js'
import { KEY_USAGE } from './extensions.js'
import { certificateEndorser, type CertificateChain } from './verify-chain.js'

/** tcg-kp-AIKCertificate, 2.23.133.8.3 */
const AK_CERTIFICATE = '6781050803'
/** tcg-kp-EKCertificate, 2.23.133.8.1 */
const EK_CERTIFICATE = '6781050801'
/** Instance information of Google Compute Engine, 1.3.6.1.4.1.11129.2.1.21 */
const GCE_INSTANCE = '2b06010401d679020115'

/** Certificate of an attestation key, with the form that its CA uses. */
export interface AkCertificateOptions extends CertificateChain {
  /**
   * `google-compute-engine`: certificates as Google issues them for the AK of a virtual machine. They have
   * the purpose of an EK, or none, and the extension with the instance, which is then required. Give only
   * roots of Google. Default: certificates with the TCG's purpose of an AK.
   */
  readonly issuer?: 'google-compute-engine' | undefined
}

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
 * allowed: it trusts no certificate), and for an unknown `issuer`
 * @example
 * ```ts
 * import { akCertificate } from '@nomyo/attest/x509'
 *
 * declare const leafPem: string, rootPem: string
 *
 * const anchor = akCertificate({ leaf: leafPem, roots: [rootPem] })
 * ```
 */
export function akCertificate(options: AkCertificateOptions): TrustAnchor {
  requireObject(options, 'the chain')
  const { issuer, ...chain } = options
  const given: unknown = issuer
  if (given !== undefined && given !== 'google-compute-engine') {
    throw new PolicyError('issuer must be "google-compute-engine", or omitted')
  }
  const endorse = certificateEndorser(chain, {
    kind: 'AK',
    ...(issuer === undefined
      ? { purposes: [AK_CERTIFICATE] }
      : { purposes: [AK_CERTIFICATE, EK_CERTIFICATE], extension: GCE_INSTANCE }),
    keyUsage: () => KEY_USAGE.digitalSignature,
  })
  return { kind: 'ak-certificate', endorse: ({ publicArea }, now) => endorse(publicArea, now) }
}
