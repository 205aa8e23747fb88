import type { Bytes } from '../../bytes/bytes.js'

/** Operations of wire 2 that runtimes implement differently. Selected by the `#wire-2-platform` import. */
export interface Wire2Platform {
  /** HMAC-SHA-256 (RFC 2104) under one key, which may be empty and which the caller zeroes. */
  readonly hmacSha256: (key: Bytes) => Mac
  /** AES-GCM for many short messages under one key of 16 or 32 bytes, which the caller zeroes. */
  readonly aesGcm: (key: Bytes) => AesGcm
}

/** Computes the code that authenticates a message. */
export type Mac = (message: Bytes) => Bytes | Promise<Bytes>

/** AES-GCM (NIST SP 800-38D) under one key, with additional data and a tag of 16 bytes. */
export interface AesGcm {
  /**
   * Encrypts the plaintext in `pieces`, and writes ciphertext and tag to `target`, which is 16 bytes
   * longer.
   */
  readonly encrypt: (
    pieces: readonly Bytes[],
    nonce: Bytes,
    additionalData: Bytes,
    target: Bytes,
  ) => void | Promise<void>
  /** The inverse, to a new buffer; undefined when the tag does not match. */
  readonly decrypt: (
    ciphertextAndTag: Bytes,
    nonce: Bytes,
    additionalData: Bytes,
  ) => Bytes | undefined | Promise<Bytes | undefined>
}
