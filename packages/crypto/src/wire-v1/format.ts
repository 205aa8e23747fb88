import { platform } from '#crypto-platform'
import { base64Length } from '../bytes/base64.js'
import type { Bytes } from '../bytes/bytes.js'

/** The `algorithm` label of wire v1.0. */
export const ALGORITHM = 'hybrid-aes256-rsa4096'

/** The labels and sizes of wire v1.0. */
export const WIRE_V1 = {
  version: '1.0',
  algorithm: ALGORITHM,
  keyAlgorithm: 'RSA-OAEP-SHA256',
  payloadAlgorithm: 'AES-256-GCM',
  aesKeyBytes: 32,
  nonceBytes: 12,
  tagBytes: 16,
} as const

/** The binary parts of an envelope. */
export interface EnvelopeParts {
  /** Ciphertext followed by the 16-byte tag, the form of WebCrypto. */
  readonly ciphertextAndTag: Bytes
  /** 12 bytes. */
  readonly nonce: Bytes
  /** The AES key under RSA-OAEP: as long as the recipient's modulus. */
  readonly wrappedKey: Bytes
  /** Unix seconds; answers only. */
  readonly processedAt: number | null
  /** True for the form of nomyo-js 0.1: no `tag` member, the tag at the end of the ciphertext. */
  readonly tagIsAppended: boolean
}

/** The parts of an envelope that are known before anything is encrypted. */
export interface EnvelopeOutline extends Omit<EnvelopeParts, 'ciphertextAndTag'> {
  readonly ciphertextBytes: number
}

/** Writes an envelope from front to back. */
export interface EnvelopeWriter {
  /** Writes the next part of the ciphertext; its length is a multiple of 3 unless it is the last. */
  ciphertext(part: Uint8Array): void
  /** Writes the members behind the ciphertext. Returns the envelope. */
  finish(tag: Uint8Array): Bytes
}

/**
 * Begins an envelope as JSON bytes. The base64 of the ciphertext is written directly to the result, so
 * that no message is in memory twice.
 */
export function beginEnvelope(outline: EnvelopeOutline): EnvelopeWriter {
  const { encodeBase64, encodeBase64Into } = platform
  const nonce = encodeBase64(outline.nonce)
  const wrappedKey = encodeBase64(outline.wrappedKey)
  const time =
    outline.processedAt === null ? '' : `,"processed_at":${JSON.stringify(outline.processedAt)}`
  const start = `{"version":"${WIRE_V1.version}","algorithm":"${ALGORITHM}","encrypted_payload":{"ciphertext":"`
  const behindCiphertext = (tag: Uint8Array): string =>
    `","nonce":"${nonce}"${outline.tagIsAppended ? '' : `,"tag":"${encodeBase64(tag)}"`}}` +
    `,"encrypted_aes_key":"${wrappedKey}","key_algorithm":"${WIRE_V1.keyAlgorithm}"` +
    `,"payload_algorithm":"${WIRE_V1.payloadAlgorithm}"${time}}`
  const noTag = new Uint8Array(WIRE_V1.tagBytes)
  // All text is ASCII: one byte per character.
  const envelope = new Uint8Array(
    start.length +
      base64Length(outline.ciphertextBytes + (outline.tagIsAppended ? noTag.length : 0)) +
      behindCiphertext(noTag).length,
  )
  const write = (text: string, offset: number): number =>
    offset + new TextEncoder().encodeInto(text, envelope.subarray(offset)).written
  let offset = write(start, 0)
  // Base64 encodes groups of three bytes, and an appended tag completes the last one.
  let rest = new Uint8Array()
  return {
    ciphertext(part) {
      const whole = part.length - (part.length % 3)
      offset = encodeBase64Into(part.subarray(0, whole), envelope, offset)
      rest = new Uint8Array(part.subarray(whole))
    },
    finish(tag) {
      const end = Uint8Array.from([...rest, ...(outline.tagIsAppended ? tag : [])])
      write(behindCiphertext(tag), encodeBase64Into(end, envelope, offset))
      return envelope
    },
  }
}
