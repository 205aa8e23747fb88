import { platform } from '#crypto-platform'
import { base64Length } from '../bytes/base64.js'
import type { Bytes } from '../bytes/types.js'

/** The labels and sizes of wire v1.0. */
export const WIRE_V1 = {
  version: '1.0',
  algorithm: 'hybrid-aes256-rsa4096',
  keyAlgorithm: 'RSA-OAEP-SHA256',
  payloadAlgorithm: 'AES-256-GCM',
  aesKeyBytes: 32,
  nonceBytes: 12,
  tagBytes: 16,
} as const

/** The binary parts of an envelope. */
export interface EnvelopeParts {
  /** Ciphertext followed by the 16-byte tag, as WebCrypto gives and takes it. */
  readonly ciphertextAndTag: Bytes
  /** 12 bytes. */
  readonly nonce: Bytes
  /** The AES key under RSA-OAEP: as long as the recipient's modulus. */
  readonly wrappedKey: Bytes
  /** Unix seconds; answers only. */
  readonly processedAt: number | null
}

/** What an envelope is begun with: its size is known before anything is encrypted. */
export interface EnvelopeOutline {
  readonly ciphertextBytes: number
  readonly wrappedKeyBytes: number
  readonly nonce: Bytes
  readonly processedAt: number | null
}

/**
 * Writes an envelope as JSON bytes, front to back: the base64 of the ciphertext goes straight into the
 * result, so that no part of a message exists a second time as a whole.
 */
export class EnvelopeWriter {
  readonly #outline: EnvelopeOutline
  readonly #envelope: Bytes
  #offset = 0

  constructor(outline: EnvelopeOutline) {
    const { ciphertextBytes, wrappedKeyBytes, nonce } = outline
    const parts = [ciphertextBytes, nonce.length, WIRE_V1.tagBytes, wrappedKeyBytes]
    // All text is ASCII, so its length is its size.
    const size = parts.reduce(
      (sum, bytes) => sum + base64Length(bytes),
      START.length + endOf(outline, '', '', '').length,
    )
    this.#outline = outline
    this.#envelope = new Uint8Array(size)
    this.#text(START)
  }

  /** Writes the next part of the ciphertext; its length is a multiple of 3 unless it is the last. */
  ciphertext(part: Uint8Array): void {
    this.#offset = platform.encodeBase64Into(part, this.#envelope, this.#offset)
  }

  /** Writes what comes behind the ciphertext, and gives the envelope. */
  finish(tag: Uint8Array, wrappedKey: Uint8Array): Bytes {
    const { encodeBase64 } = platform
    const outline = this.#outline
    this.#text(
      endOf(outline, encodeBase64(outline.nonce), encodeBase64(tag), encodeBase64(wrappedKey)),
    )
    return this.#envelope
  }

  #text(text: string): void {
    const { written } = new TextEncoder().encodeInto(text, this.#envelope.subarray(this.#offset))
    this.#offset += written
  }
}

const START = `{"version":"${WIRE_V1.version}","algorithm":"${WIRE_V1.algorithm}","encrypted_payload":{"ciphertext":"`

const endOf = (
  { processedAt }: EnvelopeOutline,
  nonce: string,
  tag: string,
  wrappedKey: string,
): string =>
  `","nonce":"${nonce}","tag":"${tag}"},"encrypted_aes_key":"${wrappedKey}"` +
  `,"key_algorithm":"${WIRE_V1.keyAlgorithm}","payload_algorithm":"${WIRE_V1.payloadAlgorithm}"` +
  (processedAt === null ? '}' : `,"processed_at":${JSON.stringify(processedAt)}}`)
