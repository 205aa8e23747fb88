import { SECURITY_TIERS, type SecurityTier } from '../access/policy/tier-policy.js'
import { HttpError } from '../http-error.js'

/** Checks for visible ASCII, as in UUIDs and the ids of older clients. */
export function isPayloadId(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value)
}

/** @throws HttpError 400 */
export function parseSecurityTier(value = 'standard'): SecurityTier {
  const tier = SECURITY_TIERS.find((candidate) => candidate === value)
  if (tier !== undefined) return tier
  throw invalidHeader(`X-Security-Tier must be one of ${SECURITY_TIERS.join(', ')}`)
}

/** Creates the refusal of a header field. */
export const invalidHeader = (detail: string): HttpError =>
  new HttpError(400, detail, undefined, 'header_invalid')
