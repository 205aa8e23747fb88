import { platform } from '#crypto-platform'
import { SecurityError, type SecurityErrorCode } from '../errors.js'

/** Legitimate content nests a JSON schema or two; deeper ones would exhaust a recursive reader. */
export const MAX_PLAINTEXT_DEPTH = 256

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING_BRACKET = 0x5b
const CLOSING_BRACKET = 0x5d
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

/** What {@link parseJsonObject} may be asked to read, and how it complains. */
interface JsonObjectRules {
  /** How deep arrays and objects may be nested. */
  maxDepth: number
  /** Says in errors what was read. */
  what: string
  /** The code of every complaint but the one about depth. */
  code: SecurityErrorCode
}

/**
 * Reads untrusted bytes as one JSON object: fatal UTF-8, no byte order mark, limited depth.
 *
 * Members named `__proto__` become plain own members and change no prototype; where a member comes
 * twice the last one counts, everywhere, because this parse is the only one.
 */
export function parseJsonObject(
  bytes: Uint8Array,
  rules: JsonObjectRules,
): Record<string, unknown> {
  const { maxDepth, what, code } = rules
  const text = platform.decodeUtf8(bytes)
  if (text === undefined) throw new SecurityError(code, `The ${what} is not valid UTF-8.`)
  if (isDeeperThan(maxDepth, bytes)) {
    throw new SecurityError(
      'ERR_ENVELOPE_TOO_LARGE',
      `The ${what} is nested deeper than ${String(maxDepth)} levels.`,
    )
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The engine's own message quotes the text, which may be a secret.
    throw new SecurityError(code, `The ${what} is not valid JSON.`)
  }
  if (!isJsonObject(value)) throw new SecurityError(code, `The ${what} is not a JSON object.`)
  return value
}

/** Whether a parsed JSON value is an object: not null, not an array. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Looks at the brackets of JSON outside its strings, before any parser recurses into them. Strings are
 * skipped with native searches.
 *
 * @param json - UTF-8, whose longer characters hold no byte that is a quote or a bracket
 */
export function isDeeperThan(maxDepth: number, json: Uint8Array): boolean {
  // Most texts have fewer brackets altogether, which a search finds out for next to nothing.
  if (!opensMoreThan(maxDepth, json)) return false
  let depth = 0
  for (let position = 0; position < json.length; position++) {
    switch (json[position]) {
      case QUOTE:
        position = endOfString(json, position)
        break
      case OPENING_BRACKET:
      case OPENING_BRACE:
        depth++
        if (depth > maxDepth) return true
        break
      case CLOSING_BRACKET:
      case CLOSING_BRACE:
        depth--
        break
      default:
    }
  }
  return false
}

function opensMoreThan(count: number, json: Uint8Array): boolean {
  let opened = 0
  for (const bracket of [OPENING_BRACE, OPENING_BRACKET]) {
    let at = -1
    while ((at = platform.indexOfByte(json, bracket, at + 1)) !== -1) {
      if (++opened > count) return true
    }
  }
  return false
}

/** Where the string that opens at `start` closes; the end of the JSON if it never does. */
function endOfString(json: Uint8Array, start: number): number {
  let end = start
  while ((end = platform.indexOfByte(json, QUOTE, end + 1)) !== -1) {
    let backslashes = 0
    while (json[end - 1 - backslashes] === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return end
  }
  return json.length
}
