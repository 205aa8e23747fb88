import { requireText } from '../arguments.js'
import { zeroize } from '../bytes/bytes.js'
import type { KeyPair } from '../suite.js'
import { exportPkcs8Pem } from './export.js'
import { importPrivateKey, type ImportPrivateKeyOptions } from './import.js'
import { decodePem } from './pem.js'

/**
 * Reads a private key that nomyo-js 0.1 wrote with a password: a `PRIVATE KEY` block that holds no
 * PKCS#8. No other tool reads this format and none writes it any more: export the key after reading it.
 *
 * @throws SecurityError `ERR_KEY_PASSWORD`, `ERR_KEY_INVALID`, and the codes of {@link importPrivateKey}
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { exportPrivateKey, importLegacyPrivateKey } from '@nomyo/crypto'
 *
 * const password = 'correct horse battery staple'
 * const pem = await readFile('private_key.pem', 'utf8')
 * const { privateKey } = await importLegacyPrivateKey(pem, password, { extractable: true })
 * const standardPem = await exportPrivateKey(privateKey, { password })
 * ```
 */
export async function importLegacyPrivateKey(
  pem: string,
  password: string,
  options: Omit<ImportPrivateKeyOptions, 'password'> = {},
): Promise<KeyPair> {
  requireText(pem, 'pem')
  requireText(password, 'password')
  const { decryptLegacyPkcs8 } = await import('./private-key-formats.js')
  const pkcs8 = await decryptLegacyPkcs8(decodePem(pem), password)
  try {
    return await importPrivateKey(await exportPkcs8Pem(pkcs8), options)
  } finally {
    zeroize(pkcs8)
  }
}
