import { SecurityError, type SecurityErrorCode } from '../errors.js'

/** Legitimate content nests a JSON schema or two; deeper ones would exhaust a recursive reader. */
export const MAX_PLAINTEXT_DEPTH = 256

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
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new SecurityError(code, `The ${what} is not valid UTF-8.`)
  }
  if (isDeeperThan(text, maxDepth)) {
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
 * Looks at brackets outside strings only, before any parser recurses into them. Strings are skipped
 * with native searches, so a long ciphertext costs next to nothing.
 */
export function isDeeperThan(text: string, maxDepth: number): boolean {
  let depth = 0
  for (let position = 0; position < text.length; position++) {
    switch (text.charCodeAt(position)) {
      case 0x22: // "
        position = endOfString(text, position)
        break
      case 0x5b: // [
      case 0x7b: // {
        depth++
        if (depth > maxDepth) return true
        break
      case 0x5d: // ]
      case 0x7d: // }
        depth--
        break
    }
  }
  return false
}

/** Where the string that opens at `start` closes; the end of the text if it never does. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end !== -1) {
    let backslashes = 0
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++
    if (backslashes % 2 === 0) return end
    end = text.indexOf('"', end + 1)
  }
  return text.length
}
