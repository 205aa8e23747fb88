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
export interface EnvelopeOutline extends Omit<EnvelopeParts, 'ciphertextAndTag'> {
  readonly ciphertextBytes: number
}

/** Writes an envelope from front to back. */
export interface EnvelopeWriter {
  /** Writes the next part of the ciphertext; its length is a multiple of 3 unless it is the last. */
  ciphertext(part: Uint8Array): void
  /** Writes what comes behind the ciphertext, and gives the envelope. */
  finish(tag: Uint8Array): Bytes
}

/**
 * Begins an envelope as JSON bytes. The base64 of the ciphertext goes straight into the result, so that
 * no part of a message exists a second time as a whole.
 */
export function beginEnvelope(outline: EnvelopeOutline): EnvelopeWriter {
  const { ciphertextBytes, nonce, wrappedKey, processedAt } = outline
  const { encodeBase64, encodeBase64Into } = platform
  const aroundTag = [
    `","nonce":"${encodeBase64(nonce)}","tag":"`,
    `"},"encrypted_aes_key":"${encodeBase64(wrappedKey)}"` +
      `,"key_algorithm":"${WIRE_V1.keyAlgorithm}","payload_algorithm":"${WIRE_V1.payloadAlgorithm}"` +
      (processedAt === null ? '}' : `,"processed_at":${JSON.stringify(processedAt)}}`),
  ]
  // All text is ASCII, so its length is its size.
  const envelope = new Uint8Array(
    (START + aroundTag.join('')).length +
      base64Length(ciphertextBytes) +
      base64Length(WIRE_V1.tagBytes),
  )
  const write = (text: string, offset: number): number =>
    offset + new TextEncoder().encodeInto(text, envelope.subarray(offset)).written
  let offset = write(START, 0)
  return {
    ciphertext(part) {
      offset = encodeBase64Into(part, envelope, offset)
    },
    finish(tag) {
      write(aroundTag.join(encodeBase64(tag)), offset)
      return envelope
    },
  }
}

const START = `{"version":"${WIRE_V1.version}","algorithm":"${WIRE_V1.algorithm}","encrypted_payload":{"ciphertext":"`
