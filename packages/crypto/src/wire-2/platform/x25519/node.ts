import { Buffer } from 'node:buffer'
import {
  type KeyObject,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
} from 'node:crypto'
import { type X25519Agreement, type X25519Platform, basePoint } from './platform.js'

/** `node:crypto`, for Node, Bun and Deno: the hop of WebCrypto to a thread takes as long as an agreement. */
export const x25519Platform: X25519Platform = {
  generateKey: async () => {
    const agree = agreementOf(generateKeyPairSync('x25519').privateKey)
    // No export of the new public key: to JWK, Node 20 allocates while it holds the lock of the key pair,
    // and a garbage collection then waits for that lock for ever.
    return { publicKey: await agree(basePoint()), agree }
  },
  importPkcs8: (pkcs8) => {
    const key = Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.length)
    return agreementOf(createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
  },
}

const agreementOf =
  (privateKey: KeyObject): X25519Agreement =>
  (peer) => {
    const x = Buffer.from(peer.buffer, peer.byteOffset, peer.length).toString('base64url')
    // In most versions of Node, JWK takes half the time of WebCrypto's raw keys, and a tenth of that of DER.
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' })
    const secret = diffieHellman({ privateKey, publicKey })
    // Without a copy, so that the caller can zero it.
    return new Uint8Array(secret.buffer, secret.byteOffset, secret.length)
  }
