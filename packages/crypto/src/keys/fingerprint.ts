import { decodeBase64Text } from '../bytes/decode-base64.js'
import { SecurityError } from '../errors.js'
import type { PublicKey } from '../suite.js'

const PREFIX = 'sha256/'
const DIGEST_BYTES = 32

/**
 * Checks that a text is a pin: `sha256/` and the base64 of a SHA-256 over an SPKI, as
 * {@link PublicKey.fingerprint} gives it. Returns it unchanged.
 *
 * @throws SecurityError `ERR_KEY_INVALID`
 */
export function parsePin(text: string): string {
  const digest = text.startsWith(PREFIX) ? decodeBase64Text(text.slice(PREFIX.length)) : undefined
  if (digest?.length !== DIGEST_BYTES) {
    throw new SecurityError(
      'ERR_KEY_INVALID',
      'Not a pin; expected sha256/ and 44 base64 characters, as printed for a key fingerprint.',
    )
  }
  return text
}

/**
 * Refuses a public key that none of the pins names.
 *
 * @throws SecurityError `ERR_KEY_MISMATCH`; `ERR_KEY_INVALID` for a malformed pin
 */
export function verifyPin(key: PublicKey, pins: readonly string[]): void {
  // Every pin is checked for its form, also behind a match: a typo must not wait for a rotation.
  const known = pins.map(parsePin)
  if (known.includes(key.fingerprint)) return
  throw new SecurityError(
    'ERR_KEY_MISMATCH',
    `The key ${key.fingerprint} is not among the pinned ones. If it was changed on purpose, ask its ` +
      'owner for the new fingerprint on another way than this connection, and pin that.',
  )
}
