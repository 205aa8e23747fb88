import { requireKey, requireText } from '../arguments.js'
import { SecurityError } from '../errors.js'
import type { PublicKey } from '../suite.js'
import { importPublicKey, type ImportPublicKeyOptions } from './import.js'

/** The PEM of an 8192-bit key takes under 5,000 characters, even with all of them escaped. */
const MAX_HEADER_CHARACTERS = 12_000

/**
 * Returns the value of `X-Public-Key`: the SPKI PEM, percent-encoded.
 *
 * @throws SecurityError `ERR_KEY_TYPE`
 * @example
 * ```ts
 * import { generateKeyPair, publicKeyToHeader } from '@nomyo/crypto'
 *
 * const { publicKey } = await generateKeyPair()
 * const headers = { 'X-Public-Key': publicKeyToHeader(publicKey) }
 * ```
 */
export function publicKeyToHeader(key: PublicKey): string {
  requireKey(key, 'key', 'spkiDer')
  return encodeURIComponent(key.pem)
}

/**
 * Reads the value of `X-Public-Key` in any percent-encoding a client may use: upper or lower-case
 * hex, more or fewer characters escaped, LF or CRLF, with or without a final newline.
 *
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_LIMIT`, and the codes of {@link importPublicKey}
 * @example
 * ```ts
 * import { publicKeyFromHeader } from '@nomyo/crypto'
 *
 * export async function callerKey(headers: Headers) {
 *   return publicKeyFromHeader(headers.get('X-Public-Key') ?? '', { minBits: 2048 })
 * }
 * ```
 */
export async function publicKeyFromHeader(
  value: string,
  options: ImportPublicKeyOptions = {},
): Promise<PublicKey> {
  requireText(value, 'value')
  if (value.length > MAX_HEADER_CHARACTERS) {
    throw new SecurityError('ERR_KEY_LIMIT', 'The X-Public-Key header is too long.')
  }
  let pem: string
  try {
    pem = decodeURIComponent(value)
  } catch {
    throw new SecurityError(
      'ERR_KEY_INVALID',
      'The X-Public-Key header is not percent-encoded UTF-8.',
    )
  }
  return importPublicKey(pem, options)
}
