import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { decode, encode, type ExchangeContender, type Text } from '../contender.js'

const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Bare AES-256-GCM of `node:crypto` under a key that both ends have: nothing is encapsulated, framed,
 * checked or padded.
 */
export function aes(): ExchangeContender {
  return {
    exchange: (value) => {
      const answer = open(seal(open(seal(encode(value)))))
      return Promise.resolve(decode(answer))
    },
  }
}

const KEY = randomBytes(32)

function seal(plaintext: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', KEY, nonce)
  const parts = [nonce, cipher.update(plaintext), cipher.final()]
  return Buffer.concat([...parts, cipher.getAuthTag()])
}

function open(sealed: Buffer): Text {
  const authTagLength = TAG_BYTES
  const nonce = sealed.subarray(0, NONCE_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', KEY, nonce, { authTagLength })
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  const ciphertext = sealed.subarray(NONCE_BYTES, -TAG_BYTES)
  return Buffer.concat([decipher.update(ciphertext), decipher.final()])
}
