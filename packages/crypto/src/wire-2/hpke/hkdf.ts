import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { type Bytes, concat, ownBytes } from '../../bytes/bytes.js'
import { ascii } from '../labels.js'

/** HMAC-SHA-256 (RFC 2104). */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Bytes {
  return ownBytes(hmac(sha256, key, message))
}

/** HKDF-Extract with SHA-256 (RFC 5869 section 2.2). */
export const hkdfExtract: (salt: Uint8Array, secret: Uint8Array) => Bytes = hmacSha256

/** HKDF-Expand with SHA-256 (RFC 5869 section 2.3) to at most 32 bytes, one block. */
export function hkdfExpand(key: Uint8Array, info: Uint8Array, length: number): Bytes {
  const block = hmacSha256(key, join(info, Uint8Array.of(1)))
  const bytes = block.slice(0, length)
  block.fill(0)
  return bytes
}

/** LabeledExtract (RFC 9180 section 4). */
export function labeledExtract(
  suite: Uint8Array,
  salt: Uint8Array,
  label: string,
  secret: Uint8Array,
): Bytes {
  const labeled = join(ascii('HPKE-v1'), suite, ascii(label), secret)
  try {
    return hkdfExtract(salt, labeled)
  } finally {
    labeled.fill(0)
  }
}

/** LabeledExpand (RFC 9180 section 4). */
export function labeledExpand(
  suite: Uint8Array,
  key: Uint8Array,
  label: string,
  info: Uint8Array,
  length: number,
): Bytes {
  return hkdfExpand(key, join(u16(length), ascii('HPKE-v1'), suite, ascii(label), info), length)
}

/** Writes a number as two bytes, the higher first. */
export function u16(value: number): Bytes {
  return Uint8Array.of(value >> 8, value)
}

/** Joins bytes in a new buffer. */
export function join(...parts: readonly Uint8Array[]): Bytes {
  return concat(
    parts,
    parts.reduce((sum, { length }) => sum + length, 0),
  )
}
