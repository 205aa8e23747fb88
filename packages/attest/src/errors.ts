export { PolicyError, ReceiptError, TpmParseError, type AttestErrorCode } from './attest-error.js'
export { AttestationError } from './result/attestation-error.js'
