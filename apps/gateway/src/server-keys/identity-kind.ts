import { decodeIdentityKey, encodeIdentityKey } from '@nomyo/crypto/keys/node'
import { generateIdentityKey, type IdentityKey } from '@nomyo/crypto/wire-2'
import type { KeyKind } from './key-kind.js'

/** Identity keys, outside of folders. */
export const IDENTITY_KEYS: KeyKind<IdentityKey> = {
  name: 'identity key',
  hash: 'nomyo:identity-keys',
  takesSeconds: false,
  generate: () => withGenerated(({ key }) => Promise.resolve(key)),
  generatePem: (password) =>
    withGenerated(({ pkcs8Der }) => encodeIdentityKey(pkcs8Der, { password })),
  read: (pem, password) => decodeIdentityKey(pem, { password }),
}

/** Generates an identity key, and zeroes its bytes after use. */
export async function withGenerated<T>(
  use: (generated: { readonly key: IdentityKey; readonly pkcs8Der: Uint8Array }) => Promise<T>,
): Promise<T> {
  const generated = await generateIdentityKey()
  try {
    return await use(generated)
  } finally {
    generated.pkcs8Der.fill(0)
  }
}
