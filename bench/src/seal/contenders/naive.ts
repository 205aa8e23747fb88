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
import { fromBytes, toBytes } from './envelope.js'

/** Bare `node:crypto` in a first, simple version. */
export function naive(pem: KeyPem): Contender {
  const publicKey = createPublicKey(pem.publicKey)
  const privateKey = createPrivateKey(pem.privateKey)
  return {
    name: 'naive',
    isWireV1: true,
    seal: async ({ value }) => {
      const aesKey = randomBytes(32)
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', aesKey, nonce)
      const ciphertext = Buffer.concat([
        cipher.update(JSON.stringify(value), 'utf8'),
        cipher.final(),
      ])
      return toBytes({
        encrypted_payload: {
          ciphertext: ciphertext.toString('base64'),
          nonce: nonce.toString('base64'),
          tag: cipher.getAuthTag().toString('base64'),
        },
        encrypted_aes_key: publicEncrypt({ key: publicKey, oaepHash: 'sha256' }, aesKey).toString(
          'base64',
        ),
      })
    },
    open: async (body) => {
      const { encrypted_payload: payload, encrypted_aes_key: wrapped } = fromBytes(body)
      const aesKey = privateDecrypt(
        { key: privateKey, oaepHash: 'sha256' },
        Buffer.from(wrapped, 'base64'),
      )
      const nonce = Buffer.from(payload.nonce, 'base64')
      const decipher = createDecipheriv('aes-256-gcm', aesKey, nonce, { authTagLength: 16 })
      decipher.setAuthTag(Buffer.from(payload.tag, 'base64'))
      const ciphertext = Buffer.from(payload.ciphertext, 'base64')
      const json = Buffer.concat([decipher.update(ciphertext), decipher.final()])
      return JSON.parse(json.toString('utf8')) as unknown
    },
  }
}
