import type { X25519Agreement, X25519Platform } from './platform.js'

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
}

const agreementOf =
  (key: CryptoKey): X25519Agreement =>
  async (peer) => {
    const imported = await crypto.subtle.importKey('raw', peer, 'X25519', false, [])
    const params = { name: 'X25519', public: imported }
    return new Uint8Array(await crypto.subtle.deriveBits(params, key, 256))
  }
