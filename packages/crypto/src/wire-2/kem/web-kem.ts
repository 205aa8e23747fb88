import type { Bytes } from '../../bytes/bytes.js'
import type { Encapsulate } from './kem.js'

/** The part of WebCrypto for KEMs (WICG webcrypto-modern-algos), which TypeScript does not know yet. */
interface KemCrypto {
  importKey(
    format: 'raw-public' | 'raw-seed',
    key: Bytes,
    algorithm: string,
    extractable: boolean,
    usages: readonly KemUsage[],
  ): Promise<CryptoKey>
  exportKey(format: 'raw-public', key: CryptoKey): Promise<ArrayBuffer>
  getPublicKey(key: CryptoKey, usages: readonly KemUsage[]): Promise<CryptoKey>
  encapsulateBits(
    algorithm: string,
    key: CryptoKey,
  ): Promise<{ sharedKey: ArrayBuffer; ciphertext: ArrayBuffer }>
  decapsulateBits(algorithm: string, key: CryptoKey, ciphertext: Bytes): Promise<ArrayBuffer>
}

type KemUsage = 'encapsulateBits' | 'decapsulateBits'

/** A KEM of the runtime's WebCrypto. */
export interface WebKem {
  readonly prepare: (publicKey: Bytes) => Promise<Encapsulate>
  readonly importKey: (seed: Bytes) => Promise<{
    readonly publicKey: Bytes
    readonly decapsulate: (enc: Bytes) => Promise<Bytes>
  }>
}

/** Returns a KEM of the runtime by its name; all operations fail where the runtime has none of this name. */
export function webKem(algorithm: string): WebKem {
  const subtle = crypto.subtle as unknown as KemCrypto
  return {
    prepare: async (publicKey) => {
      const key = await subtle.importKey('raw-public', publicKey, algorithm, false, [
        'encapsulateBits',
      ])
      return async () => {
        const { sharedKey, ciphertext } = await subtle.encapsulateBits(algorithm, key)
        return { enc: new Uint8Array(ciphertext), sharedSecret: new Uint8Array(sharedKey) }
      }
    },
    importKey: async (seed) => {
      const key = await subtle.importKey('raw-seed', seed, algorithm, false, ['decapsulateBits'])
      const publicKey = await subtle.getPublicKey(key, ['encapsulateBits'])
      return {
        publicKey: new Uint8Array(await subtle.exportKey('raw-public', publicKey)),
        decapsulate: async (enc) =>
          new Uint8Array(await subtle.decapsulateBits(algorithm, key, enc)),
      }
    },
  }
}
