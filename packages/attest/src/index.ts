export { appraise } from './appraise.js'
export { CHECK_IDS, type CheckId } from './checks/checks.js'
export { PolicyError, TpmParseError, type AttestErrorCode } from './attest-error.js'
export type { PcrValues, TpmAttestation } from './evidence/evidence.js'
export {
  keyBindingExtraData,
  payloadIdExtraData,
  statementExtraData,
  type KeyBinding,
  type NonceExpectation,
  type StatementBinding,
} from './evidence/nonce.js'
export {
  attestationPolicy,
  type AttestationPolicy,
  type PolicyRules,
  type QuoteExpectation,
} from './policy/policy.js'
export type {
  AppraisalPolicy,
  FirmwarePolicy,
  FreshnessPolicy,
  LogAppraiser,
  PreviousQuote,
  ReferenceValues,
} from './policy/rules.js'
export type { ClockClaims, QuoteClaims } from './result/claims.js'
export { AttestationError } from './result/attestation-error.js'
export { requireTier } from './result/attestation-error.js'
export type {
  AppraisedResult,
  AttestationResult,
  Check,
  Tier,
  TrustworthinessVector,
} from './result/result.js'
export type { CheckStatus, Verdict } from './result/verdict.js'
export {
  formatPcrSelection,
  parsePcrSelection,
  type PcrSelection,
} from './structures/pcr-selection.js'
export type { AttestationKey, Endorsement, Trust, TrustAnchor } from './trust/anchor.js'
export { pinnedAk } from './trust/pinned-ak.js'
