import { exportPrivateKey, generateKeyPair, importPrivateKey, type KeyPair } from '@nomyo/crypto'
import { DECRYPT_CONCURRENCY } from '../completion/load/decrypt-concurrency.js'
import type { KeyKind } from './key-kind.js'

/** Clients refuse smaller server keys. */
export const MIN_SERVER_KEY_BITS = 4096

/** RSA keys, outside of folders. */
export const RSA_KEYS: KeyKind<KeyPair> = {
  name: 'server key',
  hash: 'nomyo:server-keys',
  takesSeconds: true,
  generate: () => generateKeyPair({ parallel: DECRYPT_CONCURRENCY }),
  generatePem: async (password) => {
    const pair = await generateKeyPair({ extractable: true })
    try {
      return await exportPrivateKey(pair.privateKey, { password })
    } finally {
      pair.privateKey.dispose()
    }
  },
  read: (pem, password) =>
    importPrivateKey(pem, {
      password,
      minBits: MIN_SERVER_KEY_BITS,
      parallel: DECRYPT_CONCURRENCY,
    }),
}
