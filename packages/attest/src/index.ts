export { appraise } from './appraise.js'
export {
  attestationPolicy,
  type AttestationPolicy,
  type PolicyRules,
  type QuoteExpectation,
} from './attestation-policy.js'
export { AttestationError, PolicyError, TpmParseError, type AttestErrorCode } from './errors.js'
export type { TpmAttestation } from './evidence.js'
export type { LogAppraiser } from './log-appraiser.js'
export {
  keyBindingExtraData,
  payloadIdExtraData,
  type KeyBinding,
  type NonceExpectation,
} from './nonce.js'
export { formatPcrSelection, parsePcrSelection, type PcrSelection } from './pcr/selection.js'
export type {
  AppraisalPolicy,
  FirmwarePolicy,
  FreshnessPolicy,
  PreviousQuote,
  ReferenceValues,
} from './policy.js'
export {
  CHECK_IDS,
  requireTier,
  type AppraisedResult,
  type AttestationResult,
  type Check,
  type CheckId,
  type CheckStatus,
  type ClockClaims,
  type PcrValues,
  type QuoteClaims,
  type Tier,
  type Trust,
  type TrustworthinessVector,
  type Verdict,
} from './result.js'
export type { AttestationKey, TrustAnchor, Vouching } from './trust/anchor.js'
export { pinnedAk } from './trust/pinned-ak.js'
