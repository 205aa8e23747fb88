import { x25519Platform } from '#x25519-platform'
import { sha3_256, shake256 } from '@noble/hashes/sha3.js'
import { type Bytes, concat, ownBytes, zeroize } from '../../bytes/bytes.js'
import { ascii } from '../labels.js'
import { HYBRID, ML_KEM, hybridKem } from './hybrid.js'
import { type Kem, X25519_BYTES, kemPrivateKey } from './kem.js'
import { agreeWith, importX25519 } from './curve.js'
import { type MlKem, platformMlKem } from './ml-kem.js'

/** Ends the input of the combiner (draft-ietf-hpke-pq, draft-connolly-cfrg-xwing-kem). */
const COMBINER_LABEL = '\\.//^\\'

/** The hybrid KEM from ML-KEM-768 and X25519 of the runtime. Loaded on demand, with SHA-3. */
export function platformHybridKem(): Kem {
  return combinedHybridKem(platformMlKem())
}

/** The hybrid KEM from ML-KEM-768 in JavaScript and X25519 of the runtime. */
export async function javaScriptHybridKem(): Promise<Kem> {
  const { javaScriptMlKem } = await import('./javascript-ml-kem.js')
  return combinedHybridKem(javaScriptMlKem())
}

function combinedHybridKem(mlKem: MlKem): Kem {
  return hybridKem(
    mlKem.implementation,
    async (publicKey) => {
      const ofX25519 = publicKey.subarray(ML_KEM.publicKeyBytes)
      const peer = await x25519Platform.importPublicKey(ofX25519)
      const encapsulate = await mlKem.prepare(publicKey.subarray(0, ML_KEM.publicKeyBytes))
      return async () => {
        // Browsers generate the key on another thread, while ML-KEM in JavaScript takes this one.
        const [ephemeral, lattice] = await Promise.all([
          x25519Platform.generateKey(),
          encapsulate(),
        ])
        const agreed = await ephemeral.agree(peer)
        return {
          enc: concat([lattice.enc, ephemeral.publicKey], HYBRID.encBytes),
          sharedSecret: combine(lattice.sharedSecret, agreed, ephemeral.publicKey, ofX25519),
        }
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
          concat([lattice.publicKey, curve.publicKey], HYBRID.publicKeyBytes),
          HYBRID.encBytes,
          async (enc) => {
            const ephemeral = enc.subarray(ML_KEM.ciphertextBytes)
            const [agreed, ofLattice] = await Promise.all([
              agreeWith(curve, ephemeral),
              lattice.decapsulate(enc.subarray(0, ML_KEM.ciphertextBytes)),
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

/** Hashes both secrets to one, with the X25519 part of the transcript. Zeroes both. */
function combine(
  lattice: Bytes,
  agreed: Bytes,
  ephemeral: Uint8Array,
  publicKey: Uint8Array,
): Bytes {
  const label = ascii(COMBINER_LABEL)
  const input = concat([lattice, agreed, ephemeral, publicKey, label], 4 * 32 + label.length)
  try {
    return ownBytes(sha3_256(input))
  } finally {
    zeroize(input, lattice, agreed)
  }
}
