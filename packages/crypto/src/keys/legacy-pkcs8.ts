import { type Bytes, zeroize } from '../bytes/bytes.js'
import { SecurityError } from '../errors.js'
import type { PemBlock } from './pem.js'
import { decryptCbc, pkcs8Algorithm, pbkdf2, wrongPassword } from './encrypted-pkcs8.js'

const SALT_BYTES = 16
const IV_BYTES = 16
const ITERATIONS = 100_000

/**
 * Decrypts the format of nomyo-js 0.1: salt (16), IV (16) and AES-256-CBC under PBKDF2-HMAC-SHA256 with
 * 100,000 rounds, in a `PRIVATE KEY` block.
 *
 * @returns DER PKCS#8; the caller zeroes it
 * @throws SecurityError `ERR_KEY_PASSWORD`, `ERR_KEY_INVALID`
 */
export async function decryptLegacyPkcs8(
  { label, der }: PemBlock,
  password: string,
): Promise<Bytes> {
  if (
    label !== 'PRIVATE KEY' ||
    der.length <= SALT_BYTES + IV_BYTES ||
    pkcs8Algorithm(der) !== undefined
  ) {
    throw new SecurityError('ERR_KEY_INVALID', 'Not a private key in the format of nomyo-js 0.1.')
  }
  const salt = der.subarray(0, SALT_BYTES)
  const iv = der.subarray(SALT_BYTES, SALT_BYTES + IV_BYTES)
  const passwordBytes = new TextEncoder().encode(password)
  const key = await pbkdf2(passwordBytes, salt, ITERATIONS, 'SHA-256', 32)
  const pkcs8 = await decryptCbc(key, iv, der.subarray(SALT_BYTES + IV_BYTES)).then(
    (plaintext) => new Uint8Array(plaintext),
    () => undefined,
  )
  zeroize(key, passwordBytes)
  if (pkcs8 === undefined || !pkcs8Algorithm(pkcs8)) throw wrongPassword()
  return pkcs8
}
