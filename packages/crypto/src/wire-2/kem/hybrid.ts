import { sha3_256, shake256 } from '@noble/hashes/sha3.js'
import { type Bytes, ownBytes, zeroize } from '../../bytes/bytes.js'
import { join } from '../hpke/hkdf.js'
import { HPKE_IDS, ascii } from '../labels.js'
import {
  type Encapsulation,
  type Kem,
  type KemPrivateKey,
  SECRET_BYTES,
  invalidKemKey,
  kemPrivateKey,
} from './kem.js'
import { ML_KEM, type MlKem } from './ml-kem.js'
import { X25519_BYTES, generateX25519, importX25519 } from './x25519.js'
import { webKem } from './web-kem.js'

const NAME = 'MLKEM768-X25519'
const PUBLIC_KEY_BYTES = ML_KEM.publicKeyBytes + X25519_BYTES
const ENC_BYTES = ML_KEM.ciphertextBytes + X25519_BYTES

/** Ends the input of the combiner (draft-ietf-hpke-pq, draft-connolly-cfrg-xwing-kem). */
const COMBINER_LABEL = ascii('\\.//^\\')

/** The hybrid KEM of the runtime. */
export function nativeHybridKem(): Kem {
  const { encapsulate, importKey } = webKem(NAME)
  return hybridKem('native', encapsulate, async (seed) => {
    const { publicKey, decapsulate } = await importKey(seed)
    return kemPrivateKey(publicKey, ENC_BYTES, decapsulate)
  })
}

/** The hybrid KEM from ML-KEM-768 and X25519. */
export function combinedHybridKem(mlKem: MlKem): Kem {
  return hybridKem(
    mlKem.implementation,
    async (publicKey) => {
      const ofX25519 = publicKey.subarray(ML_KEM.publicKeyBytes)
      const [lattice, ephemeral] = await Promise.all([
        mlKem.encapsulate(publicKey.subarray(0, ML_KEM.publicKeyBytes)),
        generateX25519(),
      ])
      const agreed = await ephemeral.agree(ofX25519)
      return {
        enc: join(lattice.enc, ephemeral.publicKey),
        sharedSecret: combine(lattice.sharedSecret, agreed, ephemeral.publicKey, ofX25519),
      }
    },
    async (seed) => {
      const expanded = ownBytes(shake256(seed, { dkLen: ML_KEM.seedBytes + X25519_BYTES }))
      try {
        const [lattice, curve] = await Promise.all([
          mlKem.importKey(expanded.subarray(0, ML_KEM.seedBytes)),
          importX25519(expanded.subarray(ML_KEM.seedBytes)),
        ])
        return kemPrivateKey(
          join(lattice.publicKey, curve.publicKey),
          ENC_BYTES,
          async (enc) => {
            const ephemeral = enc.subarray(ML_KEM.ciphertextBytes)
            const [ofLattice, agreed] = await Promise.all([
              lattice.decapsulate(enc.subarray(0, ML_KEM.ciphertextBytes)),
              curve.agree(ephemeral),
            ])
            return combine(ofLattice, agreed, ephemeral, curve.publicKey)
          },
          lattice.release,
        )
      } finally {
        zeroize(expanded)
      }
    },
  )
}

function hybridKem(
  implementation: Kem['implementation'],
  encapsulate: (publicKey: Bytes) => Promise<Encapsulation>,
  importKey: (seed: Bytes) => Promise<KemPrivateKey>,
): Kem {
  const checked = async <T>(bytes: Uint8Array, length: number, use: (own: Bytes) => Promise<T>) => {
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
    id: HPKE_IDS.kem[NAME],
    name: NAME,
    implementation,
    publicKeyBytes: PUBLIC_KEY_BYTES,
    encBytes: ENC_BYTES,
    encapsulate: (publicKey) => checked(publicKey, PUBLIC_KEY_BYTES, encapsulate),
    importKey: (seed) => checked(seed, SECRET_BYTES, importKey),
  }
}

/** Hashes both secrets to one, with the X25519 part of the transcript. Zeroes both. */
function combine(
  lattice: Bytes,
  agreed: Bytes,
  ephemeral: Uint8Array,
  publicKey: Uint8Array,
): Bytes {
  const input = join(lattice, agreed, ephemeral, publicKey, COMBINER_LABEL)
  try {
    return ownBytes(sha3_256(input))
  } finally {
    zeroize(input, lattice, agreed)
  }
}
