export { appraise } from './appraise.js'
export { CHECK_IDS, type CheckId } from './checks/checks.js'
export type { LogAppraiser } from './checks/logs.js'
export { AttestationError, PolicyError, TpmParseError, type AttestErrorCode } from './errors.js'
export type { PcrValues, TpmAttestation } from './evidence/evidence.js'
export {
  keyBindingExtraData,
  payloadIdExtraData,
  type KeyBinding,
  type NonceExpectation,
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
  PreviousQuote,
  ReferenceValues,
} from './policy/rules.js'
export type { ClockClaims, QuoteClaims } from './result/claims.js'
export {
  requireTier,
  type AppraisedResult,
  type AttestationResult,
  type Check,
  type Tier,
  type TrustworthinessVector,
} from './result/result.js'
export type { CheckStatus, Verdict } from './result/verdict.js'
export {
  formatPcrSelection,
  parsePcrSelection,
  type PcrSelection,
} from './structures/pcr-selection.js'
export type { AttestationKey, Endorsement, Trust, TrustAnchor } from './trust/anchor.js'
export { pinnedAk } from './trust/pinned-ak.js'
