import { ml_kem768 as mlKem } from '@noble/post-quantum/ml-kem.js'
import { ownBytes } from '../../bytes/bytes.js'
import type { MlKem } from './ml-kem.js'

/**
 * ML-KEM-768 in JavaScript. A module of its own, which others `import()`: bundlers leave the other parameter
 * sets out only of modules that are imported by name.
 */
export function javaScriptMlKem(): MlKem {
  return {
    implementation: 'javascript',
    // The matrix of a public key takes nearly half the time.
    prepare: (publicKey) => {
      const prepared = mlKem.prepare(publicKey)
      return Promise.resolve(() => {
        const { cipherText, sharedSecret } = prepared.encapsulate()
        return Promise.resolve({ enc: ownBytes(cipherText), sharedSecret: ownBytes(sharedSecret) })
      })
    },
    importKey: (seed) => {
      const { publicKey, secretKey } = mlKem.keygen(seed)
      const prepared = mlKem.prepare(publicKey)
      return Promise.resolve({
        publicKey: ownBytes(publicKey),
        decapsulate: (ciphertext) =>
          Promise.resolve(ownBytes(prepared.decapsulate(ciphertext, secretKey))),
        release: () => secretKey.fill(0),
      })
    },
  }
}
