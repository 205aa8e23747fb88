import { isEqualInConstantTime, zeroize } from '../../bytes/bytes.js'
import { nativeHybridKem } from './hybrid.js'
import { type Kem, SECRET_BYTES } from './kem.js'

/**
 * Returns MLKEM768-X25519 (X-Wing) by the best code that works here: the runtime's own, else the
 * runtime's ML-KEM-768 and X25519, else ML-KEM-768 in JavaScript. The second and the third are loaded only
 * then. Call it once and keep the result.
 *
 * @throws the error of the module loader, where the JavaScript implementation cannot be loaded
 * @example
 * ```ts
 * import { loadHybridKem } from '@nomyo/crypto/wire-2'
 *
 * const kem = await loadHybridKem()
 * if (kem.implementation === 'javascript') {
 *   // Node 20 and 22: decapsulation makes no claim to constant time
 * }
 * ```
 */
export async function loadHybridKem(): Promise<Kem> {
  const native = nativeHybridKem()
  if (await works(native)) return native
  const { platformHybridKem, javaScriptHybridKem } = await import('./combined.js')
  const platform = platformHybridKem()
  return (await works(platform)) ? platform : javaScriptHybridKem()
}

/**
 * Returns DHKEM(X25519, HKDF-SHA256) (RFC 9180 section 4.1), for gateways that answer clients of other
 * projects. **Not post-quantum**: recorded requests can be decrypted by a future quantum computer.
 *
 * @throws the error of the module loader, where the module cannot be loaded
 * @example
 * ```ts
 * import { createRequestKey, loadClassicKem } from '@nomyo/crypto/wire-2'
 *
 * const key = await createRequestKey(await loadClassicKem(), { id: 8 })
 * ```
 */
export async function loadClassicKem(): Promise<Kem> {
  const { x25519Kem } = await import('./x25519.js')
  return x25519Kem
}

/** Tries all operations once. */
async function works(kem: Kem): Promise<boolean> {
  try {
    const key = await kem.importKey(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)))
    const { enc, sharedSecret } = await kem.encapsulate(key.publicKey)
    const decapsulated = await key.decapsulate(enc)
    const isSame = isEqualInConstantTime(decapsulated, sharedSecret)
    zeroize(decapsulated, sharedSecret)
    return isSame
  } catch {
    return false
  }
}
