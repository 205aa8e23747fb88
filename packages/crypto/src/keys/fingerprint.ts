import { requireArgument, requireKey, requireText } from '../arguments.js'
import { decodeBase64Text } from '../bytes/decode-base64.js'
import { SecurityError } from '../errors.js'
import type { PublicKey } from '../suite.js'

const PREFIX = 'sha256/'
const DIGEST_BYTES = 32

/**
 * Checks that a text is a pin: `sha256/` and the base64 of a SHA-256 over an SPKI, the form of
 * {@link PublicKey.fingerprint}. Returns it unchanged.
 *
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_ARGUMENT_INVALID`
 */
export function parsePin(text: string): string {
  requireText(text, 'pin')
  const digest = text.startsWith(PREFIX) ? decodeBase64Text(text.slice(PREFIX.length)) : undefined
  if (digest?.length !== DIGEST_BYTES) {
    throw new SecurityError(
      'ERR_KEY_INVALID',
      'Not a pin: expected sha256/ and 44 characters of base64.',
    )
  }
  return text
}

/**
 * Refuses a public key that matches none of the pins.
 *
 * @throws SecurityError `ERR_KEY_MISMATCH`; `ERR_KEY_INVALID` for a malformed pin; `ERR_KEY_TYPE`,
 * `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { importPublicKey, verifyPin } from '@nomyo/crypto'
 *
 * export async function importPinnedKey(pem: string, pins: readonly string[]) {
 *   const key = await importPublicKey(pem)
 *   verifyPin(key, pins)
 *   return key
 * }
 * ```
 */
export function verifyPin(key: PublicKey, pins: readonly string[]): void {
  requireKey(key, 'key', 'spkiDer')
  requireArgument(Array.isArray(pins), 'pins must be an array')
  // The form of every pin is checked, even after a match: a typo must not wait for a rotation.
  const known = pins.map(parsePin)
  if (known.includes(key.fingerprint)) return
  throw new SecurityError(
    'ERR_KEY_MISMATCH',
    `The key ${key.fingerprint} is not pinned. If it is new, get its fingerprint out of band.`,
  )
}
