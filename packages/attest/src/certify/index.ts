export { certifiedBy } from './certified-by.js'
export { pcrPolicyDigest } from './pcr-policy.js'
export {
  verifyCertify,
  verifyCreation,
  type CertifyEvidence,
  type CertifyPolicy,
} from './verify.js'
