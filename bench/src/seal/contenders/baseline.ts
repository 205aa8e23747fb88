import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto'
import type { KeyPem } from '../../harness/run-context.js'
import type { Contender } from '../contender.js'

const WRAPPED_BYTES = 512
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Cryptography only: RSA and AES over existing bytes, without JSON or base64. The lower bound of this
 * wire format.
 */
export function baseline(pem: KeyPem): Contender {
  const publicKey = createPublicKey(pem.publicKey)
  const privateKey = createPrivateKey(pem.privateKey)
  return {
    name: 'baseline',
    isWireV1: false,
    seal: async ({ json }) => {
      const aesKey = randomBytes(32)
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', aesKey, nonce)
      const ciphertext = cipher.update(json)
      cipher.final()
      const wrapped = publicEncrypt({ key: publicKey, oaepHash: 'sha256' }, aesKey)
      return Buffer.concat([wrapped, nonce, cipher.getAuthTag(), ciphertext])
    },
    open: async (body) => {
      const nonceEnd = WRAPPED_BYTES + NONCE_BYTES
      const tagEnd = nonceEnd + TAG_BYTES
      const aesKey = privateDecrypt(
        { key: privateKey, oaepHash: 'sha256' },
        body.subarray(0, WRAPPED_BYTES),
      )
      const nonce = body.subarray(WRAPPED_BYTES, nonceEnd)
      const decipher = createDecipheriv('aes-256-gcm', aesKey, nonce, { authTagLength: TAG_BYTES })
      decipher.setAuthTag(body.subarray(nonceEnd, tagEnd))
      const json = decipher.update(body.subarray(tagEnd))
      decipher.final()
      return json
    },
  }
}
