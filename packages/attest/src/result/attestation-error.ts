import { AttestError, PolicyError, nameClass } from '../attest-error.js'
import type { AppraisedResult, AttestationResult, Tier } from './result.js'

/** Error of an appraisal below the required tier. Do not trust the server; `result` has the reasons. */
export class AttestationError extends AttestError {
  /** The whole result, check by check. */
  readonly result: AttestationResult
  /** Id of the request, where there is one. */
  declare payloadId?: string

  static {
    nameClass(this, 'AttestationError')
  }

  constructor(result: AttestationResult, required: string) {
    const causes = result.checks
      .filter(({ status }) => status === 'fail' || status === 'warn')
      .map(({ id, code }) => `${id} ${code}`)
    super(
      'ERR_ATTESTATION_FAILED',
      `attestation reached the tier "${result.tier}", required is "${required}"` +
        (causes.length === 0 ? '' : `: ${causes.join(', ')}`),
    )
    this.result = result
  }
}

/**
 * Asserts that a result reached `tier` or better. `none` accepts evidence without an endorsement as
 * long as no check failed: it requires that a quote exists, not that it is trustworthy.
 *
 * @throws AttestationError `ERR_ATTESTATION_FAILED`, with the whole result
 * @throws PolicyError `ERR_POLICY_INVALID` for anything but a result
 * @example
 * ```ts
 * import { requireTier, type AttestationResult } from '@nomyo/attest'
 *
 * declare const result: AttestationResult
 *
 * requireTier(result, 'warning')
 * console.log(result.tier) // 'affirming' or 'warning'
 * ```
 */
export function requireTier<T extends Exclude<Tier, 'contraindicated'>>(
  result: AttestationResult,
  tier: T,
): asserts result is AppraisedResult<T> {
  if (!Array.isArray((result as AttestationResult | undefined)?.checks)) {
    throw new PolicyError('the result must be one of an appraisal')
  }
  // Not `<`: an unknown tier, from a caller without types, would let every result pass.
  const required = typeof tier === 'string' ? tier : typeof tier
  if (!(RANK[result.tier] >= RANK[required as Tier])) throw new AttestationError(result, required)
}

const RANK: Readonly<Record<Tier, number>> = {
  contraindicated: 0,
  none: 1,
  warning: 2,
  affirming: 3,
}
