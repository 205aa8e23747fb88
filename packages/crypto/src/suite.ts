import type { Bytes } from './bytes/bytes.js'

/**
 * A cipher suite: algorithms, key format and wire format of sealed messages. Callers hold keys and
 * bytes only. Keys refer to their suite, so {@link sealEnvelope} and {@link openEnvelope} serve every
 * suite.
 */
export interface Suite {
  /** The `algorithm` label on the wire. */
  readonly algorithm: string
  /** Generates a key pair. */
  generateKeyPair(options: PrivateKeyUse): Promise<KeyPair>
  /** Reads a DER SubjectPublicKeyInfo. */
  importPublicKey(spkiDer: Uint8Array, options: { minBits: number }): Promise<PublicKey>
  /** Reads a DER PKCS#8 PrivateKeyInfo and derives its public key. */
  importPrivateKey(
    pkcs8Der: Uint8Array,
    options: PrivateKeyUse & { minBits: number },
  ): Promise<KeyPair>
  /** Seals bytes for one of this suite's public keys. */
  seal(plaintext: Uint8Array, recipient: PublicKey, options: SealOptions): Promise<Bytes>
  /** Opens an envelope that was sealed for one of `keys`, all of this suite. */
  open(body: Uint8Array, keys: readonly PrivateKey[], options: OpenOptions): Promise<OpenedEnvelope>
}

/** The intended use of a private key. */
export interface PrivateKeyUse {
  /** True for a key that may be exported. */
  readonly extractable: boolean
  /** Number of envelopes that may be opened at the same time, at least 1. */
  readonly parallel: number
}

/** The key that messages are sealed for. */
export interface PublicKey {
  readonly suite: Suite
  /** Size of the key, in bits. */
  readonly bits: number
  /** DER SubjectPublicKeyInfo. */
  readonly spkiDer: Uint8Array
  /** The SPKI as PEM, 64 columns, with a final newline. */
  readonly pem: string
  /** `sha256/` and the base64 of SHA-256 over {@link spkiDer}; pins are compared with it. */
  readonly fingerprint: string
}

/** The key that opens envelopes. Reveals nothing of itself when printed. */
export interface PrivateKey {
  readonly suite: Suite
  /** Size of the key, in bits. */
  readonly bits: number
  /** True for a key that may be exported. */
  readonly extractable: boolean
  /**
   * Exports DER PKCS#8; the caller zeroes it.
   *
   * @throws SecurityError `ERR_KEY_NOT_EXTRACTABLE`, `ERR_KEY_DISPOSED`
   */
  exportPkcs8(): Promise<Bytes>
  /** Releases the key; later use is `ERR_KEY_DISPOSED`. Safe to call twice. */
  dispose(): void
}

/** A public key and its private key. */
export interface KeyPair {
  readonly publicKey: PublicKey
  readonly privateKey: PrivateKey
}

/** Options for sealing. */
export interface SealOptions {
  /** Unix time in seconds, written beside the ciphertext of answers. Not authenticated. */
  processedAt?: number
  /**
   * Writes the form of nomyo-js 0.1, which reads no other: no `tag` member, the tag at the end of the
   * ciphertext. Default false.
   */
  appendTag?: boolean
}

/** Options for opening. */
export interface OpenOptions {
  /** Largest envelope accepted, in bytes. Default 16 MiB. */
  maxBytes?: number
  /**
   * Also accepts the form of nomyo-js 0.1: no `tag` member, the tag at the end of the ciphertext.
   * Default false.
   */
  acceptAppendedTag?: boolean
}

/** The content of an envelope. */
export interface OpenedEnvelope {
  /** The bytes that were sealed. */
  readonly plaintext: Bytes
  /** Unix time in seconds, as the sender wrote it beside the ciphertext: **not authenticated**. */
  readonly processedAt: number | null
  /** The label of the suite. */
  readonly algorithm: string
  /** An id for replay guards: equal for all copies of one sealing, different for any two sealings. */
  readonly replayId: string
  /**
   * True for the form of nomyo-js 0.1, opened with {@link OpenOptions.acceptAppendedTag} only: its
   * sender reads answers of the same form, see {@link SealOptions.appendTag}.
   */
  readonly tagIsAppended: boolean
}
