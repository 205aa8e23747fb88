import type { Bytes } from '../bytes/bytes.js'
import { SecurityError } from '../errors.js'
import { decodeBase64Into, encodeBase64, encodeBase64Into } from './neutral-base64.js'
import { TAG_BYTES, decodeUtf8, type Platform } from './platform.js'

/** The platform of browsers, workers and edge runtimes: WebCrypto and the language itself. */
export const platform: Platform = {
  turn: () => undefined,
  allocate: (size) => new Uint8Array(size),
  encodeJson: (value, sizeFor) => {
    const text = JSON.stringify(value) as string | undefined
    if (text === undefined) return undefined
    const encoded = new TextEncoder().encode(text)
    const { length } = encoded
    const bytes = new Uint8Array(sizeFor(length))
    bytes.set(encoded)
    encoded.fill(0)
    return { bytes, length }
  },
  decodeUtf8,
  search: (bytes) => ({ next: (byte, from) => bytes.indexOf(byte, from) }),
  encodeBase64,
  encodeBase64Into,
  decodeBase64Into,
  sha256: async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)),
  encryptRsaOaep: async (key, secret) =>
    new Uint8Array(await crypto.subtle.encrypt('RSA-OAEP', key, secret)),
  encryptAesGcm: async (plaintext, key, nonce, emit) => {
    const aesKey = await importAesKey(key, 'encrypt')
    const sealed = new Uint8Array(await crypto.subtle.encrypt(aesGcm(nonce), aesKey, plaintext))
    emit(sealed.subarray(0, plaintext.length))
    return sealed.subarray(plaintext.length)
  },
  decryptAesGcm: async (ciphertextAndTag, key, nonce) => {
    const aesKey = await importAesKey(key, 'decrypt')
    try {
      return new Uint8Array(await crypto.subtle.decrypt(aesGcm(nonce), aesKey, ciphertextAndTag))
    } catch {
      return undefined
    }
  },
  refusePublicKey: (text) => {
    const isOther = /-----BEGIN (?:[A-Z ]*PRIVATE|CERT)/.test(text)
    const code = isOther ? 'ERR_KEY_TYPE' : 'ERR_KEY_INVALID'
    throw new SecurityError(code, 'Expected one PEM block PUBLIC KEY.')
  },
}

const aesGcm = (nonce: Bytes): AesGcmParams => ({
  name: 'AES-GCM',
  iv: nonce,
  tagLength: TAG_BYTES * 8,
})

function importAesKey(key: Bytes, usage: 'encrypt' | 'decrypt'): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', key, 'AES-GCM', false, [usage])
}
