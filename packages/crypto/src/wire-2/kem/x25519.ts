import { type Bytes, zeroize } from '../../bytes/bytes.js'
import { join, labeledExpand, labeledExtract, u16 } from '../hpke/hkdf.js'
import { HPKE_IDS, ascii } from '../labels.js'
import { type Kem, SECRET_BYTES, invalidKemKey, kemPrivateKey } from './kem.js'

/** Length of public and private keys. */
export const X25519_BYTES = 32

/** PrivateKeyInfo of X25519 (RFC 8410), up to the 32 bytes of the key. */
const PKCS8_PREFIX = Uint8Array.of(
  ...[
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20,
  ],
)
/** The generator of the curve: the u-coordinate 9. */
const BASE_POINT = Uint8Array.from({ length: X25519_BYTES }, (_, at) => (at === 0 ? 9 : 0))

/** An X25519 private key, which stays in the runtime. */
export interface X25519PrivateKey {
  readonly publicKey: Bytes
  /** Computes the shared secret with a peer. Runtimes refuse a secret of only zeros (RFC 7748 section 6.1). */
  readonly agree: (peer: Bytes) => Promise<Bytes>
}

/** Imports a private key and computes its public key. */
export async function importX25519(privateKey: Uint8Array): Promise<X25519PrivateKey> {
  const pkcs8 = join(PKCS8_PREFIX, privateKey)
  try {
    const key = await crypto.subtle.importKey('pkcs8', pkcs8, 'X25519', false, ['deriveBits'])
    const agree = async (peer: Bytes): Promise<Bytes> => {
      const peerKey = await crypto.subtle.importKey('raw', peer, 'X25519', false, [])
      const params = { name: 'X25519', public: peerKey }
      return new Uint8Array(await crypto.subtle.deriveBits(params, key, X25519_BYTES * 8))
    }
    return { publicKey: await agree(BASE_POINT), agree }
  } finally {
    zeroize(pkcs8)
  }
}

/** Generates a key for one agreement. */
export async function generateX25519(): Promise<X25519PrivateKey> {
  const privateKey = crypto.getRandomValues(new Uint8Array(X25519_BYTES))
  try {
    return await importX25519(privateKey)
  } finally {
    zeroize(privateKey)
  }
}

/**
 * DHKEM(X25519, HKDF-SHA256) (RFC 9180 section 4.1), for gateways that answer clients of other
 * projects. **Not post-quantum**: recorded requests can be decrypted by a future quantum computer.
 */
export const x25519Kem: Kem = {
  id: HPKE_IDS.kem.X25519,
  name: 'X25519',
  implementation: 'platform',
  publicKeyBytes: X25519_BYTES,
  encBytes: X25519_BYTES,
  encapsulate: async (publicKey) => {
    if (publicKey.length !== X25519_BYTES) throw invalidKemKey()
    const recipient = new Uint8Array(publicKey)
    const ephemeral = await generateX25519()
    try {
      const agreed = await ephemeral.agree(recipient)
      return {
        enc: ephemeral.publicKey,
        sharedSecret: extractAndExpand(agreed, ephemeral.publicKey, recipient),
      }
    } catch {
      throw invalidKemKey()
    }
  },
  importKey: async (seed) => {
    if (seed.length !== SECRET_BYTES) throw invalidKemKey()
    const { publicKey, agree } = await importX25519(seed)
    return kemPrivateKey(publicKey, X25519_BYTES, async (enc) =>
      extractAndExpand(await agree(enc), enc, publicKey),
    )
  },
}

function extractAndExpand(agreed: Bytes, enc: Uint8Array, publicKey: Uint8Array): Bytes {
  const suite = join(ascii('KEM'), u16(HPKE_IDS.kem.X25519))
  const key = labeledExtract(suite, new Uint8Array(), 'eae_prk', agreed)
  try {
    return labeledExpand(suite, key, 'shared_secret', join(enc, publicKey), SECRET_BYTES)
  } finally {
    zeroize(agreed, key)
  }
}
