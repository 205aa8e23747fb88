import { wire2Platform } from '#wire-2-platform'
import { type Bytes, concat, ownBytes, zeroize } from '../../bytes/bytes.js'
import { ascii } from '../labels.js'
import type { Mac } from '../platform/platform.js'

/** HKDF-Extract with SHA-256 (RFC 5869 section 2.2). */
export async function hkdfExtract(salt: Uint8Array, secret: Uint8Array): Promise<Bytes> {
  return wire2Platform.hmacSha256(ownBytes(salt))(ownBytes(secret))
}

/**
 * HKDF-Expand with SHA-256 (RFC 5869 section 2.3) to at most 32 bytes, one block.
 *
 * @param mac - HMAC under the result of {@link hkdfExtract}
 */
export async function hkdfExpand(mac: Mac, info: Uint8Array, length: number): Promise<Bytes> {
  const block = await mac(join(info, Uint8Array.of(1)))
  const bytes = block.slice(0, length)
  zeroize(block)
  return bytes
}

/** LabeledExtract (RFC 9180 section 4). */
export async function labeledExtract(
  suite: Uint8Array,
  salt: Uint8Array,
  label: string,
  secret: Uint8Array,
): Promise<Bytes> {
  const labeled = join(ascii('HPKE-v1'), suite, ascii(label), secret)
  try {
    return await hkdfExtract(salt, labeled)
  } finally {
    zeroize(labeled)
  }
}

/** LabeledExpand (RFC 9180 section 4). */
export function labeledExpand(
  suite: Uint8Array,
  mac: Mac,
  label: string,
  info: Uint8Array,
  length: number,
): Promise<Bytes> {
  return hkdfExpand(mac, join(u16(length), ascii('HPKE-v1'), suite, ascii(label), info), length)
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
