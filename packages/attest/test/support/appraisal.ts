import { tpmVector, type QuoteVector } from '@nomyo-internal/testing/vectors'
import { bytesOf, quotePolicy } from '@nomyo-internal/testing/vectors/quotes'
import { TpmParseError } from '../../src/errors.js'
import {
  appraise,
  pinnedAk,
  type AppraisalPolicy,
  type AttestationResult,
  type CheckId,
  type CheckStatus,
} from '../../src/index.js'
import { parsePcrSelection } from '../../src/structures/pcr-selection.js'

/** Tests whether input is refused with a TpmParseError; any other exception fails the test. */
export function isRefused(parse: () => unknown): boolean {
  try {
    parse()
    return false
  } catch (error) {
    if (error instanceof TpmParseError && error.code === 'ERR_STRUCTURE_INVALID') return true
    throw error
  }
}

/** A vector by its name. */
export const quoteVector = (name: string): QuoteVector => tpmVector<QuoteVector>(name)

export { bytesOf }

/** The policy of a vector; trust is `none` where it names no anchor. */
export const policyOf = (vector: QuoteVector): AppraisalPolicy =>
  quotePolicy(vector, { pinnedAk, parsePcrSelection })

export function appraiseVector(
  name: string,
  changes: Partial<AppraisalPolicy> = {},
): Promise<AttestationResult> {
  const vector = quoteVector(name)
  return appraise(vector.tpm_attestation, { ...policyOf(vector), ...changes })
}

/** The ids of all checks with this status. */
export function idsWith(result: AttestationResult, status: CheckStatus): CheckId[] {
  return result.checks.filter((check) => check.status === status).map(({ id }) => id)
}

/** Status and code of one check. */
export function found(result: AttestationResult, id: CheckId): string {
  const check = result.checks.find((one) => one.id === id)
  return `${check?.status ?? 'absent'} ${check?.code ?? ''}`
}
