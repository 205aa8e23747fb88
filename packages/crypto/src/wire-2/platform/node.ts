import type { Buffer } from 'node:buffer'
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import type { Bytes } from '../../bytes/bytes.js'
import { TAG_BYTES } from '../../platform/platform.js'
import type { Wire2Platform } from './platform.js'

/** `node:crypto`, for Node, Bun and Deno: many times faster than WebCrypto for short messages. */
export const wire2Platform: Wire2Platform = {
  hmacSha256: (key, message) => plain(createHmac('sha256', key).update(message).digest()),
  aesGcm: (key) => ({
    encrypt: (pieces, nonce, additionalData, target) => {
      const cipher = createCipheriv(aesOf(key), key, nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(additionalData)
      let end = 0
      for (const piece of pieces) {
        target.set(cipher.update(piece), end)
        end += piece.length
      }
      cipher.final()
      target.set(cipher.getAuthTag(), end)
    },
    decrypt: (sealed, nonce, additionalData) => {
      const end = sealed.length - TAG_BYTES
      if (end < 0) return undefined
      const decipher = createDecipheriv(aesOf(key), key, nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(additionalData).setAuthTag(sealed.subarray(end))
      const plaintext = plain(decipher.update(sealed.subarray(0, end)))
      try {
        decipher.final()
        return plaintext
      } catch {
        plaintext.fill(0)
        return undefined
      }
    },
  }),
}

const aesOf = (key: Bytes): 'aes-128-gcm' | 'aes-256-gcm' =>
  key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm'

/** The same bytes as a plain `Uint8Array`. */
const plain = ({ buffer, byteOffset, length }: Buffer): Bytes =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, length)
