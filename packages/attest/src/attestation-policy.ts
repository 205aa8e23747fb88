import { appraise } from './appraise.js'
import { checkPolicy, type AppraisalPolicy } from './policy.js'
import type { AttestationResult } from './result.js'

/** The part of a policy that is the same for every quote. */
export interface PolicyRules extends Omit<
  AppraisalPolicy,
  'nonce' | 'previous' | 'freshness' | 'now'
> {
  /** What the rules were read from, where that was JSON: receipts repeat it. */
  readonly document?: PolicyDocument | undefined
}

/** A policy as JSON. */
export type PolicyDocument = Readonly<Record<string, unknown>>

/** The part that is different for every quote. */
export type QuoteExpectation = Pick<AppraisalPolicy, 'nonce' | 'previous' | 'freshness' | 'now'>

/**
 * Judges evidence by rules of its own (RFC 9334: a Verifier). `attestation.policy` of the NOMYO client
 * takes one, so that a client loads a judge only where it is to judge.
 */
export interface AttestationPolicy {
  /** As {@link appraise}; never throws because of the evidence. */
  appraise(evidence: unknown, expectation: QuoteExpectation): Promise<AttestationResult>
  /** What its rules were read from, where that was JSON. */
  readonly document?: PolicyDocument | undefined
}

/**
 * A policy that judges by {@link appraise}.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` when the rules cannot be used
 */
export function attestationPolicy(rules: PolicyRules): AttestationPolicy {
  // Looked through now, with any nonce, so that a mistake shows where it was made.
  const { nonce: _any, ...checked } = checkPolicy({
    ...rules,
    nonce: { extraData: new Uint8Array(32) },
  })
  return {
    document: rules.document,
    appraise: (evidence, expectation) => appraise(evidence, { ...checked, ...expectation }),
  }
}
