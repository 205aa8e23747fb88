import { type Bytes, concat } from '../../bytes/bytes.js'
import { TAG_BYTES } from '../../platform/platform.js'
import type { Wire2Platform } from './platform.js'

/** WebCrypto, for browsers, workers and edge runtimes. */
export const wire2Platform: Wire2Platform = {
  hmacSha256: (key) => {
    const { subtle } = crypto
    // WebCrypto refuses an empty key, to which HMAC appends zeros as it does to others.
    const padded = key.length === 0 ? new Uint8Array(1) : key
    const hmacKey = subtle.importKey('raw', padded, { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
    ])
    return async (message) => new Uint8Array(await subtle.sign('HMAC', await hmacKey, message))
  },
  aesGcm: (key) => {
    const { subtle } = crypto
    const aesKey = subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt'])
    const params = (iv: Bytes, additionalData: Bytes): AesGcmParams => ({
      name: 'AES-GCM',
      iv,
      additionalData,
    })
    return {
      encrypt: async (pieces, nonce, data, target) => {
        const plaintext = concat(pieces, target.length - TAG_BYTES)
        const sealed = await subtle.encrypt(params(nonce, data), await aesKey, plaintext)
        target.set(new Uint8Array(sealed))
      },
      decrypt: async (sealed, nonce, data) => {
        const imported = await aesKey
        try {
          return new Uint8Array(await subtle.decrypt(params(nonce, data), imported, sealed))
        } catch {
          return undefined
        }
      },
    }
  },
}
