import type { Bytes } from '../bytes/bytes.js'

/** Operations that runtimes implement differently. Selected by the `#crypto-platform` import, never at run time. */
export interface Platform {
  /** Gives other work its turn, where long work is done on the thread of the caller. */
  readonly turn: () => Promise<unknown> | undefined
  /** Returns a new buffer that the caller fills to its end: where possible, its memory is not zeroed first. */
  readonly allocate: (size: number) => Bytes
  /**
   * Writes the result of `JSON.stringify` as UTF-8 to the front of a new buffer whose size is
   * `sizeFor` its length; undefined where `JSON.stringify` returns undefined. Throws the same errors.
   */
  readonly encodeJson: (
    value: unknown,
    sizeFor: (length: number) => number,
  ) => { readonly bytes: Bytes; readonly length: number } | undefined
  /** Decodes strict UTF-8 and keeps a byte order mark; undefined for all other bytes. */
  readonly decodeUtf8: (bytes: Uint8Array) => string | undefined
  /** Searches bytes again and again, for one that may be near or far. */
  readonly search: (bytes: Uint8Array) => ByteSearch
  /** Encodes bytes that may be a secret as padded base64 (RFC 4648 section 4). */
  readonly encodeBase64: (bytes: Uint8Array) => string
  /** Writes padded base64 as ASCII to `target`; returns the offset behind it. */
  readonly encodeBase64Into: (source: Uint8Array, target: Uint8Array, offset: number) => number
  /**
   * Decodes ASCII to the front of `target`, which must have room for it. False for base64 that
   * is not canonical: foreign characters, white space, wrong padding, and unused bits that are not
   * zero (with them, one envelope has several spellings).
   */
  readonly decodeBase64Into: (ascii: Uint8Array, target: Uint8Array) => boolean | Promise<boolean>
  readonly sha256: (bytes: Bytes) => Bytes | Promise<Bytes>
  /** RSAES-OAEP encryption (RFC 8017 section 7.1.1), SHA-256 and MGF1-SHA-256, no label. */
  readonly encryptRsaOaep: (key: CryptoKey, secret: Bytes) => Bytes | Promise<Bytes>
  /**
   * AES-256-GCM (NIST SP 800-38D), no additional data.
   *
   * @param emit - receives the ciphertext in order, in parts that are gone when it returns; the length of all but
   * the last is a multiple of 3
   * @returns the 16-byte tag
   */
  readonly encryptAesGcm: (
    plaintext: Bytes,
    key: Bytes,
    nonce: Bytes,
    emit: (ciphertext: Uint8Array) => void,
  ) => Bytes | Promise<Bytes>
  /**
   * The inverse; undefined when the tag does not match, and then no plaintext remains in memory. May
   * overwrite the ciphertext.
   */
  readonly decryptAesGcm: (
    ciphertextAndTag: Bytes,
    key: Bytes,
    nonce: Bytes,
  ) => Bytes | undefined | Promise<Bytes | undefined>
  /**
   * Refuses a text that is no public key, where there is a shell with the command that converts it.
   *
   * @throws SecurityError `ERR_KEY_TYPE`, `ERR_KEY_INVALID`
   */
  readonly refusePublicKey: (text: string) => Promise<never>
}

/** See {@link Platform.search}. */
export interface ByteSearch {
  /** Returns the next position of a byte, from a position on; -1 if there is none. */
  next(byte: number, from: number): number
}

/** The length of an AES-GCM tag. */
export const TAG_BYTES = 16

/** See {@link Platform.decodeUtf8}. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
