import type { KeyPem } from '../../harness/run-context.js'
import type { Sealer } from '../contender.js'
import { fromBytes, toBytes } from './envelope.js'

const RSA = { name: 'RSA-OAEP', hash: 'SHA-256' } as const
const TAG_BYTES = 16

/** The code of `naive` with WebCrypto instead of `node:crypto`; base64 by Buffer. */
export async function webcrypto(pem: KeyPem): Promise<Sealer> {
  const { subtle } = globalThis.crypto
  const der = (pem: string) => Buffer.from(pem.replace(/-----.*-----|\s/g, ''), 'base64')
  const [spki, pkcs8] = [der(pem.publicKey), der(pem.privateKey)]
  const publicKey = await subtle.importKey('spki', spki, RSA, false, ['encrypt'])
  const privateKey = await subtle.importKey('pkcs8', pkcs8, RSA, false, ['decrypt'])
  return {
    seal: async ({ value }) => {
      const aesKey = crypto.getRandomValues(new Uint8Array(32))
      const iv = crypto.getRandomValues(new Uint8Array(12))
      const key = await subtle.importKey('raw', aesKey, 'AES-GCM', false, ['encrypt'])
      const json = new TextEncoder().encode(JSON.stringify(value))
      const sealed = Buffer.from(await subtle.encrypt({ name: 'AES-GCM', iv }, key, json))
      const wrapped = await subtle.encrypt({ name: 'RSA-OAEP' }, publicKey, aesKey)
      const tagStart = sealed.length - TAG_BYTES
      return toBytes({
        ciphertext: sealed.subarray(0, tagStart),
        nonce: Buffer.from(iv),
        tag: sealed.subarray(tagStart),
        wrapped: Buffer.from(wrapped),
      })
    },
    open: async (body) => {
      const { ciphertext, nonce: iv, tag, wrapped } = fromBytes(body)
      const aesKey = await subtle.decrypt({ name: 'RSA-OAEP' }, privateKey, wrapped)
      const key = await subtle.importKey('raw', aesKey, 'AES-GCM', false, ['decrypt'])
      const sealed = Buffer.concat([ciphertext, tag])
      const json = await subtle.decrypt({ name: 'AES-GCM', iv }, key, sealed)
      return JSON.parse(new TextDecoder().decode(json)) as unknown
    },
  }
}
