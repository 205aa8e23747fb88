import { type Bytes, zeroize } from '../../bytes/bytes.js'
import { pkcs8Of } from '../rfc8410.js'
import { X25519_BYTES } from './kem.js'

/** An X25519 private key, which stays in the runtime. */
export interface X25519PrivateKey {
  readonly publicKey: Bytes
  /** Computes the shared secret with a peer. Runtimes refuse a secret of only zeros (RFC 7748 section 6.1). */
  readonly agree: (peer: Bytes) => Promise<Bytes>
}

/** Imports a private key and computes its public key. */
export async function importX25519(privateKey: Uint8Array): Promise<X25519PrivateKey> {
  const pkcs8 = pkcs8Of('X25519', privateKey)
  try {
    const key = await crypto.subtle.importKey('pkcs8', pkcs8, 'X25519', false, ['deriveBits'])
    const agree = agreeWith(key)
    const generator = new Uint8Array(X25519_BYTES)
    generator[0] = 9
    return { publicKey: await agree(generator), agree }
  } finally {
    zeroize(pkcs8)
  }
}

/** Generates a key for one agreement. In Node this takes a quarter of the time of an import. */
export async function generateX25519(): Promise<X25519PrivateKey> {
  const pair = (await crypto.subtle.generateKey('X25519', false, ['deriveBits'])) as CryptoKeyPair
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))
  return { publicKey, agree: agreeWith(pair.privateKey) }
}

function agreeWith(key: CryptoKey): X25519PrivateKey['agree'] {
  return async (peer) => {
    const peerKey = await crypto.subtle.importKey('raw', peer, 'X25519', false, [])
    const params = { name: 'X25519', public: peerKey }
    return new Uint8Array(await crypto.subtle.deriveBits(params, key, X25519_BYTES * 8))
  }
}
