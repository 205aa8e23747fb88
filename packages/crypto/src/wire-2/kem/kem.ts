import { requireBytes } from '../../arguments.js'
import type { Bytes } from '../../bytes/bytes.js'
import { SecurityError } from '../../errors.js'

/** The key encapsulation mechanisms of wire 2, by their names in IANA's HPKE registry. */
export type KemName = 'MLKEM768-X25519' | 'X25519'

/**
 * The code that computes a KEM:
 *
 * - `native`: the runtime has the whole KEM
 * - `platform`: the runtime has its parts, which are combined here
 * - `javascript`: ML-KEM in JavaScript, **without a claim to constant time**; X25519 in the runtime
 */
export type KemImplementation = 'native' | 'platform' | 'javascript'

/** A key encapsulation mechanism (RFC 9180 section 4.1). */
export interface Kem {
  readonly id: number
  readonly name: KemName
  readonly implementation: KemImplementation
  /** Length of a public key. */
  readonly publicKeyBytes: number
  /** Length of the encapsulation of a secret. */
  readonly encBytes: number
  /**
   * Makes a fresh secret for the holder of a key.
   *
   * @throws SecurityError `ERR_KEY_INVALID`
   */
  readonly encapsulate: (publicKey: Uint8Array) => Promise<Encapsulation>
  /**
   * Imports a private key.
   *
   * @param seed - 32 random bytes; the caller zeroes them
   * @throws SecurityError `ERR_KEY_INVALID`
   */
  readonly importKey: (seed: Uint8Array) => Promise<KemPrivateKey>
}

/** A fresh secret, and the bytes by which the recipient computes it. */
export interface Encapsulation {
  readonly enc: Bytes
  /** 32 bytes; the caller zeroes them. */
  readonly sharedSecret: Bytes
}

/** Encapsulates to the public key that it was made for, again and again. */
export type Encapsulate = () => Promise<Encapsulation>

/** The private key of a recipient. */
export interface KemPrivateKey {
  readonly publicKey: Bytes
  /**
   * Computes the secret of an encapsulation, 32 bytes, which the caller zeroes. For a wrong
   * encapsulation of the right length ML-KEM computes a wrong secret instead of an error.
   *
   * @throws SecurityError `ERR_DECRYPTION_FAILED`, `ERR_KEY_DISPOSED`
   */
  readonly decapsulate: (enc: Uint8Array) => Promise<Bytes>
  /** Decapsulates and derives all secrets of a request in one step; see `deriveRequestSecrets`. Default: both here. */
  readonly deriveSecrets?: ((head: Uint8Array) => Promise<Bytes>) | undefined
  /** Releases the key; later use is `ERR_KEY_DISPOSED`. Safe to call twice. */
  readonly dispose: () => void
}

/** Length of public and private keys of X25519. */
export const X25519_BYTES = 32

/** Length of a seed, and of a shared secret. */
export const SECRET_BYTES = 32

export const invalidKemKey = (): SecurityError =>
  new SecurityError('ERR_KEY_INVALID', 'Not a key of this KEM.')

export const cannotDecapsulate = (): SecurityError =>
  new SecurityError('ERR_DECRYPTION_FAILED', 'The message could not be decrypted.')

/** Builds a private key whose secret part can be released. */
export function kemPrivateKey(
  publicKey: Bytes,
  encBytes: number,
  decapsulate: (enc: Bytes) => Promise<Bytes>,
  release?: () => void,
): KemPrivateKey {
  let operation: typeof decapsulate | undefined = decapsulate
  return {
    publicKey,
    decapsulate: async (enc) => {
      if (operation === undefined) {
        throw new SecurityError('ERR_KEY_DISPOSED', 'The key was disposed of.')
      }
      requireBytes(enc, 'enc')
      if (enc.length !== encBytes) throw cannotDecapsulate()
      try {
        return await operation(new Uint8Array(enc))
      } catch {
        throw cannotDecapsulate()
      }
    },
    dispose: () => {
      operation = undefined
      release?.()
    },
  }
}
