import type { X25519Agreement, X25519Platform, X25519PublicKey } from './platform.js'

/** WebCrypto, for browsers, workers and edge runtimes. */
export const x25519Platform: X25519Platform = {
  generateKey: async () => {
    const { subtle } = crypto
    const { publicKey, privateKey } = (await subtle.generateKey('X25519', false, [
      'deriveBits',
    ])) as CryptoKeyPair
    return {
      publicKey: new Uint8Array(await subtle.exportKey('raw', publicKey)),
      agree: agreementOf(privateKey),
    }
  },
  importPkcs8: async (pkcs8) =>
    agreementOf(await crypto.subtle.importKey('pkcs8', pkcs8, 'X25519', false, ['deriveBits'])),
  importPublicKey: (publicKey) =>
    crypto.subtle.importKey('raw', publicKey, 'X25519', false, []) as Promise<
      CryptoKey & X25519PublicKey
    >,
}

const agreementOf =
  (key: CryptoKey): X25519Agreement =>
  async (peer) => {
    const params = { name: 'X25519', public: peer as X25519PublicKey & CryptoKey }
    return new Uint8Array(await crypto.subtle.deriveBits(params, key, 256))
  }
