import { x25519Platform } from '#x25519-platform'
import { type Bytes, zeroize } from '../../bytes/bytes.js'
import { type X25519PrivateKey, basePoint } from '../platform/x25519/platform.js'
import { pkcs8Of } from '../rfc8410.js'

/** Imports a private key and computes its public key. */
export async function importX25519(privateKey: Uint8Array): Promise<X25519PrivateKey> {
  const pkcs8 = pkcs8Of('X25519', privateKey)
  try {
    const agree = await x25519Platform.importPkcs8(pkcs8)
    return { publicKey: await agreeWith({ agree }, basePoint()), agree }
  } finally {
    zeroize(pkcs8)
  }
}

/** Computes the shared secret with the holder of a public key that is used once. */
export async function agreeWith(
  { agree }: Pick<X25519PrivateKey, 'agree'>,
  peer: Bytes,
): Promise<Bytes> {
  return agree(await x25519Platform.importPublicKey(peer))
}
