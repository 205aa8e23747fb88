import type { Field } from '@nomyo/crypto/wire-2'
import { HttpError } from '../../http-error.js'
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

/** Media types that routes accept. JSON is what has no type, too. */
const TYPES = { json: 'application/json', form: 'multipart/form-data' } as const

/** Kind of content that a route accepts. */
export type ContentKind = keyof typeof TYPES

/**
 * Checks the type of the content.
 *
 * @throws HttpError 415
 */
export function checkType(kind: ContentKind, fields: RequestFields): void {
  const given = fields['content-type'] ?? TYPES.json
  if (given.split(';')[0]?.trimEnd().toLowerCase() === TYPES[kind]) return
  throw new HttpError(415, `Content-Type must be ${TYPES[kind]}`)
}
