import type { Bytes } from '../bytes/types.js'

/** What runtimes do in ways of their own, in one place. Chosen by the `#crypto-platform` import, never while running. */
export interface Platform {
  /**
   * Writes what `JSON.stringify` gives for a value as UTF-8 to the front of a new buffer, of the size
   * that `sizeFor` gives for its length; undefined where that gives nothing. Throws what it throws.
   */
  readonly encodeJson: (
    value: unknown,
    sizeFor: (length: number) => number,
  ) => { readonly bytes: Bytes; readonly length: number } | undefined
  /** Reads UTF-8 strictly, and keeps a byte order mark; undefined for anything else. */
  readonly decodeUtf8: (bytes: Uint8Array) => string | undefined
  /** Where a byte is next, from a position on; -1 if it is not there. */
  readonly indexOfByte: (bytes: Uint8Array, byte: number, from: number) => number
  /** Padded base64 (RFC 4648 section 4) of what may be a secret. */
  readonly encodeBase64: (bytes: Uint8Array) => string
  /** Writes padded base64 as ASCII into `target`; returns the offset behind it. */
  readonly encodeBase64Into: (source: Uint8Array, target: Uint8Array, offset: number) => number
  /**
   * Decodes ASCII to the front of `target`, which must have room for it. False for anything but
   * canonical base64: foreign characters, white space, wrong padding, and unused bits that are not
   * zero (they would let one envelope be spelled in several ways).
   */
  readonly decodeBase64Into: (ascii: Uint8Array, target: Uint8Array) => boolean
  readonly sha256: (bytes: Bytes) => Bytes | Promise<Bytes>
  /** RSAES-OAEP encryption (RFC 8017 section 7.1.1), SHA-256 and MGF1-SHA-256, no label. */
  readonly encryptRsaOaep: (key: CryptoKey, secret: Bytes) => Bytes | Promise<Bytes>
  /**
   * AES-256-GCM (NIST SP 800-38D), no additional data.
   *
   * @param emit - takes the ciphertext in order, every part but the last a multiple of 3 bytes long
   * @returns the 16-byte tag
   */
  readonly encryptAesGcm: (
    plaintext: Bytes,
    key: Bytes,
    nonce: Bytes,
    emit: (ciphertext: Uint8Array) => void,
  ) => Bytes | Promise<Bytes>
  /**
   * The inverse; undefined when the tag does not fit, and then no plaintext is left behind. The
   * ciphertext may be overwritten.
   */
  readonly decryptAesGcm: (
    ciphertextAndTag: Bytes,
    key: Bytes,
    nonce: Bytes,
  ) => Bytes | undefined | Promise<Bytes | undefined>
}

/** Of AES-GCM, in bytes. */
export const TAG_BYTES = 16
