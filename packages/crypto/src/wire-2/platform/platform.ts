import type { Bytes } from '../../bytes/bytes.js'

/** Operations of wire 2 that runtimes implement differently. Selected by the `#wire-2-platform` import. */
export interface Wire2Platform {
  /** HMAC-SHA-256 (RFC 2104); the key may be empty. */
  readonly hmacSha256: (key: Bytes, message: Bytes) => Bytes | Promise<Bytes>
  /** Makes an X25519 key. */
  readonly generateX25519: () => X25519PrivateKey | Promise<X25519PrivateKey>
  /** Imports an X25519 key; returns its agreement. */
  readonly importX25519: (pkcs8: Bytes) => X25519Agreement | Promise<X25519Agreement>
  /** AES-GCM for many short messages under one key of 16 or 32 bytes, which the caller zeroes. */
  readonly aesGcm: (key: Bytes) => AesGcm
}

/** Computes the shared secret with the public key of a peer (RFC 7748 section 6.1). Refuses a secret of only zeros. */
export type X25519Agreement = (peer: Bytes) => Promise<Bytes>

/** An X25519 private key, which stays in the runtime. */
export interface X25519PrivateKey {
  readonly publicKey: Bytes
  readonly agree: X25519Agreement
}

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
