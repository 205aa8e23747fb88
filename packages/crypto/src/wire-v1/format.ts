import { base64Length, encodeBase64Into } from '../bytes/base64.js'
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

/**
 * Writes an envelope as JSON bytes, in one pass: base64 goes straight into the result, so the
 * largest copy of a message exists once.
 */
export function formatEnvelope(parts: EnvelopeParts): Bytes {
  const { ciphertextAndTag, nonce, wrappedKey, processedAt } = parts
  const tagStart = ciphertextAndTag.length - WIRE_V1.tagBytes
  const pieces: (string | Uint8Array)[] = [
    `{"version":"${WIRE_V1.version}","algorithm":"${WIRE_V1.algorithm}","encrypted_payload":{"ciphertext":"`,
    ciphertextAndTag.subarray(0, tagStart),
    '","nonce":"',
    nonce,
    '","tag":"',
    ciphertextAndTag.subarray(tagStart),
    '"},"encrypted_aes_key":"',
    wrappedKey,
    `","key_algorithm":"${WIRE_V1.keyAlgorithm}","payload_algorithm":"${WIRE_V1.payloadAlgorithm}"`,
    processedAt === null ? '}' : `,"processed_at":${JSON.stringify(processedAt)}}`,
  ]
  // Every text piece is ASCII, so its length is its size.
  const size = pieces.reduce(
    (sum, piece) => sum + (typeof piece === 'string' ? piece.length : base64Length(piece.length)),
    0,
  )
  const envelope = new Uint8Array(size)
  const utf8 = new TextEncoder()
  let offset = 0
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      offset += utf8.encodeInto(piece, envelope.subarray(offset)).written
    } else {
      offset = encodeBase64Into(piece, envelope, offset)
    }
  }
  return envelope
}
