import { createPrivateKey, createPublicKey, privateDecrypt, publicEncrypt } from 'node:crypto'
import type { KeyPem } from './run-context.js'

/** RSA-OAEP of `node:crypto`. */
export interface Rsa {
  wrap(secret: Uint8Array): Buffer
  unwrap(wrapped: Uint8Array): Buffer
}

/** Imports a key pair. */
export function rsaOf(pem: KeyPem): Rsa {
  const [publicKey, privateKey] = [createPublicKey(pem.publicKey), createPrivateKey(pem.privateKey)]
  const oaepHash = 'sha256'
  return {
    wrap: (secret) => publicEncrypt({ key: publicKey, oaepHash }, secret),
    unwrap: (wrapped) => privateDecrypt({ key: privateKey, oaepHash }, wrapped),
  }
}

/** Returns a function that does one private operation. */
export function rsaOperation(pem: KeyPem): () => void {
  const rsa = rsaOf(pem)
  const wrapped = rsa.wrap(Buffer.alloc(32, 1))
  return () => void rsa.unwrap(wrapped)
}

/** The first version of Node with OpenSSL 3.5, whose RSA is more than twice as fast. */
const FAST_RSA_SINCE = 24

/** Returns whether RSA is fast, which makes wire 1 a stricter measure of wire 2. */
export const hasFastRsa = (): boolean => Number.parseInt(process.versions.node) >= FAST_RSA_SINCE
