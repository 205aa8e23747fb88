import { platform } from '#crypto-platform'
import { requireBytes } from '../../arguments.js'
import { isJsonObject } from '../../bytes/json-object.js'
import { SecurityError, type SecurityErrorCode } from '../../errors.js'

const MAX_DEPTH = 32

/**
 * Reads a short, untrusted JSON object: strict UTF-8, limited depth, no member twice.
 *
 * @throws SecurityError `code`
 */
export function parseStrictObject(
  bytes: Uint8Array,
  maxBytes: number,
  code: SecurityErrorCode,
): Record<string, unknown> {
  requireBytes(bytes, 'the document')
  const text = (bytes.length > maxBytes ? undefined : platform.decodeUtf8(bytes)) ?? ''
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The engine's own message quotes the text, which may be a secret.
  }
  // Of members with the same name, the parser keeps the last one. Outside of strings, each has a colon.
  const colons = text.replaceAll(/"(?:[^"\\]|\\.)*"/gs, '').split(':').length - 1
  if (isJsonObject(value) && countMembers(value, MAX_DEPTH) === colons) return value
  throw new SecurityError(code, 'The content is not a JSON object.')
}

/** Returns the number of members at all levels; infinite for too many levels. */
function countMembers(value: unknown, levels: number): number {
  if (typeof value !== 'object' || value === null) return 0
  if (levels === 0) return Infinity
  const own = Object.values(value)
  return own.reduce<number>(
    (sum, one) => sum + countMembers(one, levels - 1),
    Array.isArray(value) ? 0 : own.length,
  )
}
