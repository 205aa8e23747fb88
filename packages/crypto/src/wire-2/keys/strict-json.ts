import { requireBytes } from '../../arguments.js'
import { isTooComplex, isJsonObject, parseJsonObject } from '../../bytes/json-object.js'
import { SecurityError, type SecurityErrorCode } from '../../errors.js'

/**
 * Reads a short, untrusted JSON object: strict UTF-8, limited depth, no member twice.
 *
 * @throws SecurityError `code`
 */
export async function parseStrictObject(
  bytes: Uint8Array,
  maxBytes: number,
  code: SecurityErrorCode,
): Promise<Record<string, unknown>> {
  requireBytes(bytes, 'the document')
  const refuse = (): SecurityError => new SecurityError(code, 'The content is not a JSON object.')
  if (bytes.length > maxBytes || isTooComplex(MAX_DEPTH, bytes)) throw refuse()
  const value = await parseJsonObject(bytes, code, MAX_DEPTH)
  // Of members with the same name, the parser keeps the last one. Outside of strings, each has a colon.
  const text = new TextDecoder().decode(bytes).replaceAll(/"(?:[^"\\]|\\.)*"/gs, '')
  if (text.split(':').length - 1 !== countMembers(value)) throw refuse()
  return value
}

const MAX_DEPTH = 32

function countMembers(value: unknown): number {
  const own = isJsonObject(value) ? Object.values(value) : Array.isArray(value) ? value : []
  return own.reduce<number>(
    (sum, one) => sum + countMembers(one),
    Array.isArray(value) ? 0 : own.length,
  )
}
