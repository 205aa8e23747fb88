/**
 * The one way to write a JSON value: members in the order of their UTF-16 code units, no white space
 * (JSON Canonicalization Scheme, RFC 8785, which writes strings and numbers as ECMAScript does). A lone
 * surrogate, which the RFC leaves out, is written as its escape.
 *
 * @param value - something that came out of `JSON.parse`
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value as Record<string, unknown>)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`)
  return `{${members.join(',')}}`
}
