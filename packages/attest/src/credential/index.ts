export type {
  AttestationKey,
  CertificateCheck,
  EkAnchor,
  Endorsement,
  TrustAnchor,
} from '../trust/anchor.js'
export { activatedAk, type ActivationRecord } from './activated-ak.js'
export { makeCredential, type CredentialBlob } from './make-credential.js'
export { pinnedEk } from './pinned-ek.js'
