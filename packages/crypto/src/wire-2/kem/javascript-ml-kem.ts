import { type KEMPrepared, ml_kem768 as mlKem } from '@noble/post-quantum/ml-kem.js'
import { type Bytes, isEqualInConstantTime, ownBytes } from '../../bytes/bytes.js'
import type { MlKem } from './ml-kem.js'

/**
 * ML-KEM-768 in JavaScript. A module of its own, which others `import()`: bundlers leave the other parameter
 * sets out only of modules that are imported by name.
 */
export function javaScriptMlKem(): MlKem {
  /** The matrix of a public key takes nearly half the time, and clients use one key for an hour. */
  let last: KEMPrepared | undefined
  const preparedFor = (publicKey: Bytes): KEMPrepared => {
    if (last === undefined || !isEqualInConstantTime(last.publicKey, publicKey)) {
      last = mlKem.prepare(publicKey)
    }
    return last
  }
  return {
    implementation: 'javascript',
    encapsulate: (publicKey) => {
      const { cipherText, sharedSecret } = preparedFor(publicKey).encapsulate()
      return Promise.resolve({ enc: ownBytes(cipherText), sharedSecret: ownBytes(sharedSecret) })
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
