import { wire2Platform } from '#wire-2-platform'
import { x25519Platform } from '#x25519-platform'
import { requireBytes } from '../../arguments.js'
import { type Bytes, zeroize } from '../../bytes/bytes.js'
import { join, labeledExpand, labeledExtract, u16 } from '../hpke/hkdf.js'
import { KEM_X25519, ascii } from '../labels.js'
import { agreeWith, importX25519 } from './curve.js'
import { type Kem, SECRET_BYTES, X25519_BYTES, invalidKemKey, kemPrivateKey } from './kem.js'

/** DHKEM(X25519, HKDF-SHA256) (RFC 9180 section 4.1). Loaded on demand. */
export const x25519Kem: Kem = {
  id: KEM_X25519,
  name: 'X25519',
  implementation: 'platform',
  publicKeyBytes: X25519_BYTES,
  encBytes: X25519_BYTES,
  encapsulate: async (publicKey) => {
    requireBytes(publicKey, 'a key')
    if (publicKey.length !== X25519_BYTES) throw invalidKemKey()
    const recipient = new Uint8Array(publicKey)
    const ephemeral = await x25519Platform.generateKey()
    try {
      const agreed = await agreeWith(ephemeral, recipient)
      return {
        enc: ephemeral.publicKey,
        sharedSecret: await extractAndExpand(agreed, ephemeral.publicKey, recipient),
      }
    } catch {
      throw invalidKemKey()
    }
  },
  importKey: async (seed) => {
    requireBytes(seed, 'a key')
    if (seed.length !== SECRET_BYTES) throw invalidKemKey()
    const key = await importX25519(seed)
    const { publicKey } = key
    return kemPrivateKey(publicKey, X25519_BYTES, async (enc) =>
      extractAndExpand(await agreeWith(key, enc), enc, publicKey),
    )
  },
}

async function extractAndExpand(
  agreed: Bytes,
  enc: Uint8Array,
  publicKey: Uint8Array,
): Promise<Bytes> {
  const suite = join(ascii('KEM'), u16(KEM_X25519))
  const key = await labeledExtract(suite, new Uint8Array(), 'eae_prk', agreed)
  try {
    const mac = wire2Platform.hmacSha256(key)
    return await labeledExpand(suite, mac, 'shared_secret', join(enc, publicKey), SECRET_BYTES)
  } finally {
    zeroize(agreed, key)
  }
}
