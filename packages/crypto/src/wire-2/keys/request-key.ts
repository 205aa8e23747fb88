import { type Bytes, zeroize } from '../../bytes/bytes.js'
import { requireBytes, requireInteger, requireMember, requireOptions } from '../../arguments.js'
import { type Kem, type KemPrivateKey, SECRET_BYTES } from '../kem/kem.js'

/** A private key that requests are decrypted with, under the id by which requests name it. */
export interface RequestKey {
  /** From 0 to 255; no two keys in use share one. */
  readonly id: number
  readonly kem: Pick<Kem, 'id' | 'encBytes'>
  readonly publicKey: Bytes
  /** See {@link KemPrivateKey.decapsulate}. */
  readonly decapsulate: KemPrivateKey['decapsulate']
  /** See {@link KemPrivateKey.deriveSecrets}. */
  readonly deriveSecrets?: KemPrivateKey['deriveSecrets']
  /** Releases the key; later use is `ERR_KEY_DISPOSED`. Safe to call twice. */
  readonly dispose: () => void
}

/**
 * Creates a request key, in memory: random, or from a seed that several machines share.
 *
 * @param input - `id`: from 0 to 255; `seed`: 32 random bytes, which the caller zeroes
 * @throws SecurityError `ERR_ARGUMENT_INVALID`, `ERR_KEY_INVALID`
 * @example
 * ```ts
 * import { createRequestKey, loadHybridKem } from '@nomyo/crypto/wire-2'
 *
 * const key = await createRequestKey(await loadHybridKem(), { id: 7 })
 * ```
 */
export async function createRequestKey(
  kem: Kem,
  input: { readonly id: number; readonly seed?: Uint8Array },
): Promise<RequestKey> {
  requireMember(kem, 'kem', 'importKey')
  requireOptions(input, 'input')
  const { id, seed } = input
  requireInteger(id, 'id', 0, 255)
  if (seed !== undefined) requireBytes(seed, 'seed')
  const secret = new Uint8Array(seed ?? crypto.getRandomValues(new Uint8Array(SECRET_BYTES)))
  try {
    const { publicKey, decapsulate, deriveSecrets, dispose } = await kem.importKey(secret)
    return { id, kem, publicKey, decapsulate, deriveSecrets, dispose }
  } finally {
    zeroize(secret)
  }
}
