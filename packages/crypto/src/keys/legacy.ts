import { zeroize } from '../bytes/zeroize.js'
import type { KeyPair } from '../suite.js'
import { exportPkcs8Pem } from './export.js'
import { importPrivateKey, type ImportPrivateKeyOptions } from './import.js'
import { decodePem } from './pem.js'

/**
 * Reads a private key that nomyo-js 0.1 wrote with a password: a `PRIVATE KEY` block that holds no
 * PKCS#8. No other tool reads it and nothing writes it any more: export the key anew after reading it.
 *
 * @throws SecurityError `ERR_KEY_PASSWORD`, `ERR_KEY_INVALID` and those of {@link importPrivateKey}
 */
export async function importLegacyPrivateKey(
  pem: string,
  password: string,
  options: Omit<ImportPrivateKeyOptions, 'password'> = {},
): Promise<KeyPair> {
  const { decryptLegacyPkcs8 } = await import('./private-key-formats.js')
  const pkcs8 = await decryptLegacyPkcs8(decodePem(pem), password)
  try {
    return await importPrivateKey(exportPkcs8Pem(pkcs8), options)
  } finally {
    zeroize(pkcs8)
  }
}
