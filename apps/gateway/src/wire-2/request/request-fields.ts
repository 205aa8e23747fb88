import type { Field } from '@nomyo/crypto/wire-2'
import type { SecurityTier } from '../../access/policy/tier-policy.js'
import { invalidHeader, isPayloadId, parseSecurityTier } from '../../completion/request-fields.js'

/** Fields of an opened request that the gateway reads. All others are ignored and forwarded nowhere. */
const READ = [
  'date',
  'authorization',
  'x-security-tier',
  'idempotency-key',
  'content-type',
] as const

export type RequestFields = Readonly<Record<(typeof READ)[number], string | undefined>>

/**
 * Selects the fields that the gateway reads.
 *
 * @throws HttpError 400 for one that is repeated
 */
export function selectFields(fields: readonly Field[]): RequestFields {
  const valueOf = (name: string): string | undefined => {
    const [first, second] = fields.filter((field) => field[0] === name)
    if (second === undefined) return first?.[1]
    throw invalidHeader(`${name} must be given once`)
  }
  return Object.fromEntries(READ.map((name) => [name, valueOf(name)])) as RequestFields
}

/** @throws HttpError 400 */
export function parseIdempotencyKey(fields: RequestFields): string | undefined {
  const key = fields['idempotency-key']
  if (key === undefined || isPayloadId(key)) return key
  throw invalidHeader('Idempotency-Key must be 1 to 200 visible ASCII characters')
}

/** @throws HttpError 400 */
export const parseTier = (fields: RequestFields): SecurityTier =>
  parseSecurityTier(fields['x-security-tier'])

/** Checks for JSON, or no type at all. */
export const isJson = (fields: RequestFields): boolean =>
  /^application\/json *(?:;|$)/i.test(fields['content-type'] ?? 'application/json')
