import { requireBytes } from '../../arguments.js'
import { type Bytes, isEqualInConstantTime, zeroize } from '../../bytes/bytes.js'
import { KEM_HYBRID } from '../labels.js'
import {
  type Encapsulate,
  type Kem,
  type KemPrivateKey,
  SECRET_BYTES,
  X25519_BYTES,
  invalidKemKey,
  kemPrivateKey,
} from './kem.js'
import { webKem } from './web-kem.js'

/** The lengths of ML-KEM-768. */
export const ML_KEM = { publicKeyBytes: 1184, ciphertextBytes: 1088, seedBytes: 64 } as const

const NAME = 'MLKEM768-X25519'

/** The lengths of MLKEM768-X25519: the parts of ML-KEM come first. */
export const HYBRID = {
  publicKeyBytes: ML_KEM.publicKeyBytes + X25519_BYTES,
  encBytes: ML_KEM.ciphertextBytes + X25519_BYTES,
} as const

/** The hybrid KEM of the runtime. */
export function nativeHybridKem(): Kem {
  const { prepare, importKey } = webKem(NAME)
  return hybridKem('native', prepare, async (seed) => {
    const { publicKey, decapsulate } = await importKey(seed)
    return kemPrivateKey(publicKey, HYBRID.encBytes, decapsulate)
  })
}

/**
 * Checks the arguments of an implementation, and gives its failures one error. Remembers the last public
 * key that was prepared: clients use one for an hour.
 */
export function hybridKem(
  implementation: Kem['implementation'],
  prepare: (publicKey: Bytes) => Promise<Encapsulate>,
  importKey: (seed: Bytes) => Promise<KemPrivateKey>,
): Kem {
  let last: { readonly publicKey: Bytes; readonly encapsulate: Encapsulate } | undefined
  const checked = async <T>(
    bytes: Uint8Array,
    length: number,
    use: (own: Bytes) => Promise<T>,
  ): Promise<T> => {
    requireBytes(bytes, 'a key')
    if (bytes.length !== length) throw invalidKemKey()
    const own = new Uint8Array(bytes)
    try {
      return await use(own)
    } catch {
      throw invalidKemKey()
    } finally {
      zeroize(own)
    }
  }
  return {
    id: KEM_HYBRID,
    name: NAME,
    implementation,
    ...HYBRID,
    encapsulate: (bytes) =>
      checked(bytes, HYBRID.publicKeyBytes, async (own) => {
        let prepared = last
        if (prepared === undefined || !isEqualInConstantTime(prepared.publicKey, own)) {
          const publicKey = new Uint8Array(own)
          last = prepared = { publicKey, encapsulate: await prepare(publicKey) }
        }
        return prepared.encapsulate()
      }),
    importKey: (seed) => checked(seed, SECRET_BYTES, importKey),
  }
}
