import type { Bytes } from '../bytes/types.js'
import { WIRE_V1 } from './format.js'

/**
 * AES-256-GCM (NIST SP 800-38D), no additional data; gives ciphertext followed by the tag.
 * The caller makes key and nonce, fresh for every call.
 */
export async function encryptPayload(
  plaintext: Bytes,
  aesKey: Bytes,
  nonce: Bytes,
): Promise<Bytes> {
  const key = await importAesKey(aesKey, 'encrypt')
  return new Uint8Array(await crypto.subtle.encrypt(algorithm(nonce), key, plaintext))
}

/** The inverse; undefined when the tag does not fit. Nothing is released before the tag is checked. */
export async function decryptPayload(
  ciphertextAndTag: Bytes,
  aesKey: Bytes,
  nonce: Bytes,
): Promise<Bytes | undefined> {
  const key = await importAesKey(aesKey, 'decrypt')
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithm(nonce), key, ciphertextAndTag))
  } catch {
    return undefined
  }
}

const algorithm = (nonce: Bytes): AesGcmParams => ({
  name: 'AES-GCM',
  iv: nonce,
  tagLength: WIRE_V1.tagBytes * 8,
})

function importAesKey(aesKey: Bytes, usage: 'encrypt' | 'decrypt'): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', aesKey, 'AES-GCM', false, [usage])
}
