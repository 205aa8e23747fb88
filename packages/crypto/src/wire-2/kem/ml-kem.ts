import type { Bytes } from '../../bytes/bytes.js'
import type { Encapsulate } from './kem.js'
import { webKem } from './web-kem.js'

/** ML-KEM-768 (FIPS 203). */
export interface MlKem {
  readonly implementation: 'platform' | 'javascript'
  readonly prepare: (publicKey: Bytes) => Promise<Encapsulate>
  /** Imports a private key from the 64 bytes `d` and `z`. */
  readonly importKey: (seed: Bytes) => Promise<MlKemPrivateKey>
}

/** An ML-KEM-768 private key. */
export interface MlKemPrivateKey {
  readonly publicKey: Bytes
  readonly decapsulate: (ciphertext: Bytes) => Promise<Bytes>
  /** Zeroes the key where it is in memory of this program. */
  readonly release?: () => void
}

/** ML-KEM-768 of the runtime. */
export function platformMlKem(): MlKem {
  return { implementation: 'platform', ...webKem('ML-KEM-768') }
}
