import { wipe } from '../bytes/wipe.js'
import { SecurityError } from '../errors.js'
import type { KeyPair } from '../suite.js'
import { decryptCbc, looksLikePkcs8, pbkdf2, wrongPassword } from './encrypted-pkcs8.js'
import { exportPkcs8Pem } from './export.js'
import { importPrivateKey, type ImportPrivateKeyOptions } from './import.js'
import { decodePem } from './pem.js'

const SALT_BYTES = 16
const IV_BYTES = 16
const ITERATIONS = 100_000

/**
 * Reads a private key that nomyo-js 0.1 wrote with a password: a `PRIVATE KEY` block that holds no
 * PKCS#8 but salt (16), IV (16) and AES-256-CBC under PBKDF2-HMAC-SHA256 with 100,000 rounds. No
 * other tool reads it and nothing writes it any more: export the key anew after reading it.
 *
 * @throws SecurityError `ERR_KEY_PASSWORD`, `ERR_KEY_INVALID` and those of {@link importPrivateKey}
 */
export async function importLegacyPrivateKey(
  pem: string,
  password: string,
  options: Omit<ImportPrivateKeyOptions, 'password'> = {},
): Promise<KeyPair> {
  const { label, der } = decodePem(pem)
  if (label !== 'PRIVATE KEY' || der.length <= SALT_BYTES + IV_BYTES || looksLikePkcs8(der)) {
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
  wipe(key, passwordBytes)
  if (pkcs8 === undefined || !looksLikePkcs8(pkcs8)) throw wrongPassword()
  try {
    return await importPrivateKey(exportPkcs8Pem(pkcs8), options)
  } finally {
    wipe(pkcs8)
  }
}
