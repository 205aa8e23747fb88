import { platform } from '#crypto-platform'
import { SecurityError, type SecurityErrorCode } from '../errors.js'
import type { ByteSearch } from '../platform/platform.js'

/** Legitimate plaintext nests a JSON schema or two; deeper JSON exhausts a recursive reader. */
export const MAX_PLAINTEXT_DEPTH = 256

/** Parsing takes milliseconds from here on. */
const LARGE_BYTES = 1024 * 1024

/** The highest cost of JSON: 200,000 log probabilities, as a model lists them, cost 600,000. */
const MAX_COST = 600_000
/** The cost of a member's name the first time, beside that of a string or of an object. */
const NAME_COST = 50

const QUOTE = 0x22
const COLON = 0x3a
const BACKSLASH = 0x5c

/**
 * Reads untrusted bytes as one JSON object: fatal UTF-8, no byte order mark, limited depth
 * and a limited number of values.
 *
 * Members named `__proto__` become plain own members and change no prototype; the last of repeated
 * members counts.
 *
 * @throws SecurityError `code` for all other bytes; `ERR_ENVELOPE_TOO_LARGE` for depth or values
 */
export async function parseJsonObject(
  bytes: Uint8Array,
  code: SecurityErrorCode,
  maxDepth: number,
): Promise<Record<string, unknown>> {
  const text = platform.decodeUtf8(bytes)
  if (text !== undefined && isTooComplex(maxDepth, bytes)) throw tooComplex()
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

export const tooComplex = (): SecurityError =>
  new SecurityError('ERR_ENVELOPE_TOO_LARGE', 'The JSON is too deep or too large.')

/**
 * Measures JSON before any parser recurses into it or spends seconds on it: its depth, its objects,
 * arrays and strings, and the names of members, which cost most where all of them differ. Content of
 * strings is skipped; numbers are few enough in the largest envelope.
 *
 * @param json - UTF-8, whose longer characters hold no byte that is a quote or a bracket
 */
export function isTooComplex(maxDepth: number, json: Uint8Array): boolean {
  const search = platform.search(json)
  // Most texts are far from the limits by their length and by bytes that are counted in a fraction of the
  // time. A string takes three bytes at least, with what separates it from the next.
  if (json.length / 3 < MAX_COST) {
    const opened = countOf(json, search, 0x7b, maxDepth) + countOf(json, search, 0x5b, maxDepth)
    // Before the colon of a name there is a quote, or white space.
    const named = countOf(json, search, COLON, MAX_COST / NAME_COST, QUOTE)
    const most = json.length / 3 + opened + named * NAME_COST
    if (opened <= maxDepth && most <= MAX_COST) return false
  }
  const names = new Set<number>()
  // Random, so that no sender can choose names whose hashes are the same.
  const seed = crypto.getRandomValues(new Int32Array(1))[0] ?? 0
  let depth = 0
  let cost = 0
  let start = 0
  let end = 0
  for (let at = 0; at < json.length; at++) {
    const byte = json[at] ?? 0
    if (byte === QUOTE) {
      start = at
      end = at = endOfString(json, search, at)
      cost++
    } else if (byte === COLON) {
      // The string before was a name.
      cost--
      let hash = seed
      for (; start < end; start++) hash = Math.imul(hash ^ (json[start] ?? 0), 0x01000193)
      names.add(hash)
    } else if ((byte | 0x20) === 0x7b) {
      // Brackets and braces differ in one bit.
      cost++
      if (++depth > maxDepth) return true
    } else if ((byte | 0x20) === 0x7d) depth--
    if (cost + names.size * NAME_COST > MAX_COST) return true
  }
  return false
}

/** Returns how often a byte occurs behind one up to `before`, or a number above `most`. */
function countOf(
  json: Uint8Array,
  search: ByteSearch,
  byte: number,
  most: number,
  before = 0xff,
): number {
  let found = 0
  for (let at = -1; found <= most && (at = search.next(byte, at + 1)) >= 0;) {
    if ((json[at - 1] ?? 0) <= before) found++
  }
  return found
}

/** The position where the string that opens at `start` closes; the end of the JSON if it never does. */
function endOfString(json: Uint8Array, search: ByteSearch, start: number): number {
  let end = start
  while ((end = search.next(QUOTE, end + 1)) !== -1) {
    let backslashes = 0
    while (json[end - 1 - backslashes] === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return end
  }
  return json.length
}
