import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { rsaOf } from '../../harness/rsa.js'
import type { KeyPem } from '../../harness/run-context.js'
import type { Sealer } from '../contender.js'
import { fromBytes, toBytes, type Envelope } from './envelope.js'

const WRAPPED_BYTES = 512
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Bare `node:crypto` in a first, simple version. */
export function naive(pem: KeyPem): Sealer {
  const { encrypt, decrypt } = cryptography(pem)
  return {
    seal: async ({ value }) => {
      const { parts, ...sealed } = encrypt(JSON.stringify(value))
      return toBytes({ ...sealed, ciphertext: Buffer.concat(parts) })
    },
    open: async (body) => {
      const json = Buffer.concat(decrypt(fromBytes(body)))
      return JSON.parse(json.toString('utf8')) as unknown
    },
  }
}

/**
 * Cryptography only: RSA and AES over existing bytes, without JSON or base64. The lower bound of this
 * wire format.
 */
export function baseline(pem: KeyPem): Sealer {
  const { encrypt, decrypt } = cryptography(pem)
  return {
    seal: async ({ json }) => {
      const { parts, wrapped, nonce, tag } = encrypt(json)
      return Buffer.concat([wrapped, nonce, tag, ...parts])
    },
    open: async (body) => {
      const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
      const nonceEnd = WRAPPED_BYTES + NONCE_BYTES
      const tagEnd = nonceEnd + TAG_BYTES
      const [json] = decrypt({
        wrapped: bytes.subarray(0, WRAPPED_BYTES),
        nonce: bytes.subarray(WRAPPED_BYTES, nonceEnd),
        tag: bytes.subarray(nonceEnd, tagEnd),
        ciphertext: bytes.subarray(tagEnd),
      })
      return json
    },
  }
}

/** Hybrid encryption; GCM leaves nothing for the last part. */
function cryptography(pem: KeyPem) {
  const rsa = rsaOf(pem)
  return {
    encrypt: (text: string | Uint8Array) => {
      const aesKey = randomBytes(32)
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', aesKey, nonce)
      const update = typeof text === 'string' ? cipher.update(text, 'utf8') : cipher.update(text)
      const parts = [update, cipher.final()]
      return { parts, nonce, tag: cipher.getAuthTag(), wrapped: rsa.wrap(aesKey) }
    },
    decrypt: ({ wrapped, nonce, tag, ciphertext }: Envelope): [Buffer, Buffer] => {
      const aesKey = rsa.unwrap(wrapped)
      const options = { authTagLength: TAG_BYTES }
      const decipher = createDecipheriv('aes-256-gcm', aesKey, nonce, options)
      decipher.setAuthTag(tag)
      return [decipher.update(ciphertext), decipher.final()]
    },
  }
}
