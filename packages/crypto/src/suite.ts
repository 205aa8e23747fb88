import type { Bytes } from './bytes/types.js'

/**
 * One way of sealing messages for a key. Everything particular to it (algorithms, key format, wire
 * format) is behind this interface; callers hold keys and bytes only. Keys name their suite, so
 * {@link sealEnvelope} and {@link openEnvelope} serve every suite there is.
 */
export interface Suite {
  /** The `algorithm` label on the wire. */
  readonly algorithm: string
  /** Makes a new key pair. */
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
  /** Opens what was sealed for one of `keys`, all of this suite. */
  open(body: Uint8Array, keys: readonly PrivateKey[], options: OpenOptions): Promise<OpenedEnvelope>
}

/** What a private key will be used for. */
export interface PrivateKeyUse {
  /** Whether it may be exported. */
  readonly extractable: boolean
  /** How many envelopes may be opened with it at the same time, from 1 on. */
  readonly parallel: number
}

/** The key others seal for. */
export interface PublicKey {
  readonly suite: Suite
  /** Size of the key, in bits. */
  readonly bits: number
  /** DER SubjectPublicKeyInfo. */
  readonly spkiDer: Uint8Array
  /** The SPKI as PEM, 64 columns, with a final newline. */
  readonly pem: string
  /** `sha256/` and the base64 of SHA-256 over {@link spkiDer}: what a pin is compared with. */
  readonly fingerprint: string
}

/** The key that opens. Shows nothing of itself when printed. */
export interface PrivateKey {
  readonly suite: Suite
  /** Size of the key, in bits. */
  readonly bits: number
  /** Whether it may be exported. */
  readonly extractable: boolean
  /**
   * DER PKCS#8; the caller wipes it.
   *
   * @throws SecurityError `ERR_KEY_NOT_EXTRACTABLE`, `ERR_KEY_DISPOSED`
   */
  exportPkcs8(): Promise<Bytes>
  /** Lets go of the key; using it afterwards is `ERR_KEY_DISPOSED`. Safe to call twice. */
  dispose(): void
}

/** A public key and the private key to it. */
export interface KeyPair {
  readonly publicKey: PublicKey
  readonly privateKey: PrivateKey
}

/** How to seal. */
export interface SealOptions {
  /** Unix time in seconds, written beside the sealed part of answers. Not authenticated. */
  processedAt?: number
}

/** How to open. */
export interface OpenOptions {
  /** Largest envelope read, in bytes. Default 16 MiB. */
  maxBytes?: number
  /**
   * Also accepts what nomyo-js 0.1 sends: no `tag` member, the tag at the end of the ciphertext.
   * Default false.
   */
  acceptAppendedTag?: boolean
}

/** What came out of an envelope. */
export interface OpenedEnvelope {
  /** Exactly the bytes that were sealed. */
  readonly plaintext: Bytes
  /** As written by the sender beside the sealed part: **not authenticated**. */
  readonly processedAt: number | null
  /** The label of the suite that opened it. */
  readonly algorithm: string
  /** The same for every copy of one sealing, different for any two sealings: for replay guards. */
  readonly replayId: string
}
