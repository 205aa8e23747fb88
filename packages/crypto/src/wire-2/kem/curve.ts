import { x25519Platform } from '#x25519-platform'
import { zeroize } from '../../bytes/bytes.js'
import { type X25519PrivateKey, basePoint } from '../platform/x25519/platform.js'
import { pkcs8Of } from '../rfc8410.js'

/** Imports a private key and computes its public key. */
export async function importX25519(privateKey: Uint8Array): Promise<X25519PrivateKey> {
  const pkcs8 = pkcs8Of('X25519', privateKey)
  try {
    const agree = await x25519Platform.importPkcs8(pkcs8)
    return { publicKey: await agree(basePoint()), agree }
  } finally {
    zeroize(pkcs8)
  }
}
