import { appraise } from '../appraise.js'
import type { AttestationResult } from '../result/result.js'
import { checkPolicy, type AppraisalPolicy } from './rules.js'

/** The part of a policy that is the same for every quote. */
export interface PolicyRules extends Omit<
  AppraisalPolicy,
  'nonce' | 'previous' | 'freshness' | 'now'
> {
  /** The JSON that the rules were read from, if any: receipts repeat it. */
  readonly document?: PolicyDocument | undefined
}

/** A policy as JSON. */
export type PolicyDocument = Readonly<Record<string, unknown>>

/** The part of a policy that differs for every quote. */
export type QuoteExpectation = Pick<AppraisalPolicy, 'nonce' | 'previous' | 'freshness' | 'now'>

/**
 * Verifier (RFC 9334) with rules of its own. `attestation.policy` of the NOMYO client takes one, so
 * that a client loads the appraisal only where it uses it.
 */
export interface AttestationPolicy {
  /** Appraises evidence as {@link appraise} does; never throws because of the evidence. */
  appraise(evidence: unknown, expectation: QuoteExpectation): Promise<AttestationResult>
  /** The JSON that the rules were read from, if any. */
  readonly document?: PolicyDocument | undefined
}

/**
 * Creates a policy that appraises evidence with {@link appraise}.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` when the rules cannot be used
 * @example
 * ```ts
 * import { attestationPolicy, pinnedAk } from '@nomyo/attest'
 *
 * declare const akName: Uint8Array
 *
 * const policy = attestationPolicy({ requiredPcrs: 'sha256:0,7', trust: [pinnedAk(akName)] })
 * ```
 */
export function attestationPolicy(rules: PolicyRules): AttestationPolicy {
  // Checked now, with an arbitrary nonce, so that a mistake surfaces where it is made.
  const { nonce: _any, ...checked } = checkPolicy({
    ...rules,
    nonce: { extraData: new Uint8Array(32) },
  })
  return {
    document: rules.document,
    appraise: (evidence, expectation) => appraise(evidence, { ...checked, ...expectation }),
  }
}
