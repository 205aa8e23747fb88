export { certifiedBy } from './certified-by.js'
export { pcrPolicyDigest } from './pcr-policy.js'
export type { CertifyEvidence, CertifyPolicy } from './statement.js'
export { verifyCertify, verifyCreation } from './verify.js'
