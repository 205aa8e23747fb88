import { requireKey, requireOptions } from '../arguments.js'
import { zeroize } from '../bytes/bytes.js'
import type { PrivateKey } from '../suite.js'
import { requirePassword } from './import.js'
import { encodePem } from './pem.js'

/** Options for exporting a private key. */
export interface ExportPrivateKeyOptions {
  /** Encrypts the key (PBES2, PBKDF2-HMAC-SHA256 with 600,000 rounds, AES-256-CBC). */
  password?: string
}

/**
 * Exports a private key as PKCS#8 PEM: `ENCRYPTED PRIVATE KEY` with a password, `PRIVATE KEY` without.
 * The text is a secret and, as a string, cannot be zeroed.
 *
 * @throws SecurityError `ERR_KEY_NOT_EXTRACTABLE`, `ERR_KEY_DISPOSED`, `ERR_KEY_PASSWORD`,
 * `ERR_KEY_TYPE`, `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { exportPrivateKey, generateKeyPair } from '@nomyo/crypto'
 *
 * const { privateKey } = await generateKeyPair({ extractable: true })
 * const pem = await exportPrivateKey(privateKey, { password: 'correct horse battery staple' })
 * ```
 */
export async function exportPrivateKey(
  privateKey: PrivateKey,
  options: ExportPrivateKeyOptions = {},
): Promise<string> {
  requireKey(privateKey, 'privateKey', 'exportPkcs8')
  requireOptions(options)
  requirePassword(options.password)
  const pkcs8 = await privateKey.exportPkcs8()
  try {
    return await exportPkcs8Pem(pkcs8, options.password)
  } finally {
    zeroize(pkcs8)
  }
}

/** Writes PKCS#8 as PEM, encrypted where there is a password. */
export async function exportPkcs8Pem(pkcs8: Uint8Array, password?: string): Promise<string> {
  if (password === undefined) return encodePem('PRIVATE KEY', pkcs8)
  const { encryptPkcs8 } = await import('./private-key-formats.js')
  return encodePem('ENCRYPTED PRIVATE KEY', await encryptPkcs8(pkcs8, password))
}
