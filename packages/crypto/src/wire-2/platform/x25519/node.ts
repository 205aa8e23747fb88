import { Buffer } from 'node:buffer'
import {
  KeyObject,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
} from 'node:crypto'
import type { Bytes } from '../../../bytes/bytes.js'
import {
  type X25519Agreement,
  type X25519Platform,
  type X25519PublicKey,
  basePoint,
} from './platform.js'

/** `node:crypto`, for Node, Bun and Deno: the hop of WebCrypto to a thread takes as long as an agreement. */
export const x25519Platform: X25519Platform = {
  generateKey: async () => {
    const agree = agreementOf(generateKeyPairSync('x25519').privateKey)
    // No export of the new public key: to JWK, Node 20 allocates while it holds the lock of the key pair,
    // and a garbage collection then waits for that lock for ever.
    return { publicKey: await agree(await importPublicKey(basePoint())), agree }
  },
  importPkcs8: (pkcs8) => {
    const key = Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.length)
    return agreementOf(createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
  },
  importPublicKey,
}

/** JWK takes half the time of WebCrypto, and a tenth of that of DER; Node 24 takes four times as long for it. */
function importPublicKey(publicKey: Bytes): X25519PublicKey | Promise<X25519PublicKey> {
  if (process.versions.node.startsWith('24.')) return importWithWebCrypto(publicKey)
  const { buffer, byteOffset, length } = publicKey
  const x = Buffer.from(buffer, byteOffset, length).toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' })
  return key as KeyObject & X25519PublicKey
}

async function importWithWebCrypto(publicKey: Bytes): Promise<X25519PublicKey> {
  const key = await crypto.subtle.importKey('raw', publicKey, 'X25519', true, [])
  return KeyObject.from(key) as KeyObject & X25519PublicKey
}

const agreementOf =
  (privateKey: KeyObject): X25519Agreement =>
  (peer) => {
    const secret = diffieHellman({ privateKey, publicKey: peer as unknown as KeyObject })
    // Without a copy, so that the caller can zero it.
    return new Uint8Array(secret.buffer, secret.byteOffset, secret.length)
  }
