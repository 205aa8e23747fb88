export type {
  AttestationKey,
  CertificateCheck,
  EkAnchor,
  Endorsement,
  TrustAnchor,
} from '../trust/anchor.js'
export { akCertificate, type AkCertificateOptions } from './ak-certificate.js'
export { ekCertificate } from './ek-certificate.js'
export type { EncodedCertificate } from './pem.js'
export type { CertificateChain } from './verify-chain.js'
