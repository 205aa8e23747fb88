import { wire2Platform } from '#wire-2-platform'
import { type Bytes, zeroize } from '../../bytes/bytes.js'
import type { AeadKeys } from '../hpke/key-schedule.js'
import { FINAL, ascii } from '../labels.js'

/** Encrypts or decrypts the chunks of one message, in their order. */
export interface ChunkCipher {
  readonly encrypt: (
    pieces: readonly Bytes[],
    isFinal: boolean,
    target: Bytes,
  ) => void | Promise<void>
  /** Returns undefined when the chunk is not authentic. */
  readonly decrypt: (
    sealed: Bytes,
    isFinal: boolean,
  ) => Bytes | undefined | Promise<Bytes | undefined>
  /** Zeroes the key. */
  readonly dispose: () => void
}

/** Each chunk has the nonce of HPKE's sequence numbers (RFC 9180 section 5.2); the final one is labelled. */
export function chunkCipher({ key, baseNonce }: AeadKeys): ChunkCipher {
  const aes = wire2Platform.aesGcm(key)
  let sequence = 0
  const nextNonce = (): Bytes => {
    const nonce = new Uint8Array(baseNonce)
    // A `DataView` would move these bytes out of the heap first.
    for (let at = nonce.length, left = sequence++; left > 0; left >>>= 8) {
      nonce[--at] = (nonce[at] ?? 0) ^ left
    }
    return nonce
  }
  const dataOf = (isFinal: boolean): Bytes => ascii(isFinal ? FINAL : '')
  return {
    encrypt: (pieces, isFinal, target) => aes.encrypt(pieces, nextNonce(), dataOf(isFinal), target),
    decrypt: (sealed, isFinal) => aes.decrypt(sealed, nextNonce(), dataOf(isFinal)),
    dispose: () => {
      zeroize(key, baseNonce)
    },
  }
}

/** Most chunks of a message: the sequence numbers of {@link chunkCipher} have 32 bits. */
export const MAX_CHUNKS = 2 ** 32
