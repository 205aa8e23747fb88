export { PolicyError, ReceiptError, TpmParseError, type AttestErrorCode } from './attest-error.js'
export { AttestationError, requireTier } from './result/attestation-error.js'
