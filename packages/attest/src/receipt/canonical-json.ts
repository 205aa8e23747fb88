import { PolicyError } from '../attest-error.js'

/**
 * Serializes a JSON value canonically: members in the order of their UTF-16 code units, no white space
 * (JSON Canonicalization Scheme, RFC 8785, which writes strings and numbers as ECMAScript does). Writes a
 * lone surrogate, which the RFC omits, as its escape.
 *
 * @param value - output of `JSON.parse`
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'bigint') throw new PolicyError('the value must be JSON')
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value as Record<string, unknown>)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`)
  return `{${members.join(',')}}`
}
