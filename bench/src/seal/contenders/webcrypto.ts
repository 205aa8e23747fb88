import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { KeyPem } from '../../harness/run-context.js'
import type { Contender } from '../contender.js'
import { fromBytes, toBytes } from './envelope.js'

const RSA = { name: 'RSA-OAEP', hash: 'SHA-256' } as const
const TAG_BYTES = 16

/** The code of `naive` with WebCrypto instead of `node:crypto`; base64 by Buffer. */
export async function webcrypto(pem: KeyPem): Promise<Contender> {
  const { subtle } = globalThis.crypto
  const spki = createPublicKey(pem.publicKey).export({ type: 'spki', format: 'der' })
  const pkcs8 = createPrivateKey(pem.privateKey).export({ type: 'pkcs8', format: 'der' })
  const publicKey = await subtle.importKey('spki', new Uint8Array(spki), RSA, false, ['encrypt'])
  const privateKey = await subtle.importKey('pkcs8', new Uint8Array(pkcs8), RSA, false, ['decrypt'])
  return {
    name: 'webcrypto',
    isWireV1: true,
    seal: async ({ value }) => {
      const aesKey = crypto.getRandomValues(new Uint8Array(32))
      const iv = crypto.getRandomValues(new Uint8Array(12))
      const key = await subtle.importKey('raw', aesKey, 'AES-GCM', false, ['encrypt'])
      const json = new TextEncoder().encode(JSON.stringify(value))
      const sealed = Buffer.from(await subtle.encrypt({ name: 'AES-GCM', iv }, key, json))
      const wrapped = await subtle.encrypt({ name: 'RSA-OAEP' }, publicKey, aesKey)
      const tagStart = sealed.length - TAG_BYTES
      return toBytes({
        encrypted_payload: {
          ciphertext: sealed.subarray(0, tagStart).toString('base64'),
          nonce: Buffer.from(iv).toString('base64'),
          tag: sealed.subarray(tagStart).toString('base64'),
        },
        encrypted_aes_key: Buffer.from(wrapped).toString('base64'),
      })
    },
    open: async (body) => {
      const { encrypted_payload: payload, encrypted_aes_key: wrapped } = fromBytes(body)
      const aesKey = await subtle.decrypt(
        { name: 'RSA-OAEP' },
        privateKey,
        Buffer.from(wrapped, 'base64'),
      )
      const key = await subtle.importKey('raw', aesKey, 'AES-GCM', false, ['decrypt'])
      const iv = Buffer.from(payload.nonce, 'base64')
      const sealed = Buffer.concat([
        Buffer.from(payload.ciphertext, 'base64'),
        Buffer.from(payload.tag, 'base64'),
      ])
      const json = await subtle.decrypt({ name: 'AES-GCM', iv }, key, sealed)
      return JSON.parse(new TextDecoder().decode(json)) as unknown
    },
  }
}
