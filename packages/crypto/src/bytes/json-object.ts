import { platform } from '#crypto-platform'
import { SecurityError, type SecurityErrorCode } from '../errors.js'

/** Legitimate plaintext nests a JSON schema or two; deeper JSON exhausts a recursive reader. */
export const MAX_PLAINTEXT_DEPTH = 256

/** Parsing takes milliseconds from here on. */
const LARGE_BYTES = 1024 * 1024

const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Reads untrusted bytes as one JSON object: fatal UTF-8, no byte order mark, limited depth.
 *
 * Members named `__proto__` become plain own members and change no prototype; the last of repeated
 * members counts.
 *
 * @throws SecurityError `code` for all other bytes; `ERR_ENVELOPE_TOO_LARGE` for depth
 */
export async function parseJsonObject(
  bytes: Uint8Array,
  code: SecurityErrorCode,
  maxDepth: number,
): Promise<Record<string, unknown>> {
  const text = platform.decodeUtf8(bytes)
  if (text !== undefined && isDeeperThan(maxDepth, bytes)) throw tooDeep()
  if (bytes.length > LARGE_BYTES) await platform.turn()
  let value: unknown
  try {
    value = JSON.parse(text ?? '')
  } catch {
    // The engine's own message quotes the text, which may be a secret.
  }
  if (isJsonObject(value)) return value
  throw new SecurityError(code, 'The content is not a JSON object.')
}

/** Returns whether a parsed JSON value is an object: not null, not an array. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export const tooDeep = (): SecurityError =>
  new SecurityError('ERR_ENVELOPE_TOO_LARGE', 'The JSON is nested too deeply.')

/**
 * Counts the brackets of JSON outside its strings, before any parser recurses into them. Strings are
 * skipped with native searches.
 *
 * @param json - UTF-8, whose longer characters hold no byte that is a quote or a bracket
 */
export function isDeeperThan(maxDepth: number, json: Uint8Array): boolean {
  // Most texts have fewer brackets altogether, which a native search finds out in a fraction of the time.
  let brackets = 0
  for (const opening of [0x7b, 0x5b]) {
    for (let at = -1; (at = platform.indexOfByte(json, opening, at + 1)) >= 0;) {
      if (++brackets > maxDepth) break
    }
  }
  let depth = 0
  for (let at = 0; brackets > maxDepth && at < json.length; at++) {
    const byte = json[at] ?? 0
    if (byte === QUOTE) at = endOfString(json, at)
    // Brackets and braces differ in one bit.
    else if ((byte | 0x20) === 0x7b && ++depth > maxDepth) return true
    else if ((byte | 0x20) === 0x7d) depth--
  }
  return false
}

/** The position where the string that opens at `start` closes; the end of the JSON if it never does. */
function endOfString(json: Uint8Array, start: number): number {
  let end = start
  while ((end = platform.indexOfByte(json, QUOTE, end + 1)) !== -1) {
    let backslashes = 0
    while (json[end - 1 - backslashes] === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return end
  }
  return json.length
}
