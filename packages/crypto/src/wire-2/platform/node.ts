import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import { free, plain, quickKey } from '../../platform/node-bytes.js'
import { TAG_BYTES } from '../../platform/platform.js'
import type { Wire2Platform } from './platform.js'

/** `node:crypto`, for Node, Bun and Deno: many times faster than WebCrypto for short messages. */
export const wire2Platform: Wire2Platform = {
  hmacSha256: (key) => {
    const hmacKey = quickKey(key)
    return (message) => plain(createHmac('sha256', hmacKey).update(message).digest())
  },
  aesGcm: (key) => {
    const algorithm = key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm'
    const aesKey = quickKey(key)
    const options = { authTagLength: TAG_BYTES }
    return {
      encrypt: (pieces, nonce, additionalData, target) => {
        const cipher = createCipheriv(algorithm, aesKey, nonce, options)
        cipher.setAAD(additionalData)
        let end = 0
        for (const piece of pieces) {
          const encrypted = cipher.update(piece)
          target.set(encrypted, end)
          end += encrypted.length
          free(encrypted)
        }
        cipher.final()
        target.set(cipher.getAuthTag(), end)
      },
      decrypt: (sealed, nonce, additionalData) => {
        const end = sealed.length - TAG_BYTES
        if (end < 0) return undefined
        const decipher = createDecipheriv(algorithm, aesKey, nonce, options)
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
    }
  },
}
