import { Buffer } from 'node:buffer'
import { KeyObject, createPrivateKey, diffieHellman, generateKeyPairSync } from 'node:crypto'
import type { X25519Agreement, X25519Platform } from './platform.js'

/** `node:crypto`, for Node, Bun and Deno: the hop of WebCrypto to a thread takes as long as an agreement. */
export const x25519Platform: X25519Platform = {
  generateKey: () => {
    const { publicKey, privateKey } = generateKeyPairSync('x25519')
    const { x = '' } = publicKey.export({ format: 'jwk' })
    return {
      publicKey: new Uint8Array(Buffer.from(x, 'base64url')),
      agree: agreementOf(privateKey),
    }
  },
  importPkcs8: (pkcs8) => {
    const key = Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.length)
    return agreementOf(createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
  },
}

const agreementOf =
  (privateKey: KeyObject): X25519Agreement =>
  async (peer) => {
    // WebCrypto imports raw keys fastest, and without a thread.
    const imported = await crypto.subtle.importKey('raw', peer, 'X25519', true, [])
    const secret = diffieHellman({ privateKey, publicKey: KeyObject.from(imported) })
    // Without a copy, so that the caller can zero it.
    return new Uint8Array(secret.buffer, secret.byteOffset, secret.length)
  }
