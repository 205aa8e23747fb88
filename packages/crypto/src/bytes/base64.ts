import type { Bytes } from './types.js'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const INVALID = 0xff
const PADDING = 0x3d

/** Six-bit value to ASCII code. */
const encodeTable = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0))

/** ASCII code to six-bit value, {@link INVALID} elsewhere. */
const decodeTable = new Uint8Array(128).fill(INVALID)
for (const [value, code] of encodeTable.entries()) decodeTable[code] = value

/** How many characters `byteLength` bytes take in padded base64. */
export function base64Length(byteLength: number): number {
  return Math.ceil(byteLength / 3) * 4
}

/** Standard padded base64 (RFC 4648 section 4). */
export function encodeBase64(bytes: Uint8Array): string {
  const encoded = new Uint8Array(base64Length(bytes.length))
  encodeBase64Into(bytes, encoded, 0)
  return new TextDecoder().decode(encoded)
}

/** Writes the base64 of `source` as ASCII into `target` from `offset` on; returns the offset behind it. */
export function encodeBase64Into(source: Uint8Array, target: Uint8Array, offset: number): number {
  const whole = source.length - (source.length % 3)
  let out = offset
  let position = 0
  for (; position < whole; position += 3) {
    const bits =
      ((source[position] ?? 0) << 16) |
      ((source[position + 1] ?? 0) << 8) |
      (source[position + 2] ?? 0)
    target[out++] = encodeTable[bits >> 18] ?? 0
    target[out++] = encodeTable[(bits >> 12) & 63] ?? 0
    target[out++] = encodeTable[(bits >> 6) & 63] ?? 0
    target[out++] = encodeTable[bits & 63] ?? 0
  }
  const left = source.length - whole
  if (left > 0) {
    const bits = ((source[position] ?? 0) << 16) | ((source[position + 1] ?? 0) << 8)
    target[out++] = encodeTable[bits >> 18] ?? 0
    target[out++] = encodeTable[(bits >> 12) & 63] ?? 0
    target[out++] = left === 2 ? (encodeTable[(bits >> 6) & 63] ?? 0) : PADDING
    target[out++] = PADDING
  }
  return out
}

/**
 * How many bytes a base64 text holds, judged by its length and padding alone.
 * Undefined when no base64 text has this length.
 */
export function decodedLength(text: string): number | undefined {
  if (text.length % 4 !== 0) return undefined
  return (text.length / 4) * 3 - paddingOf(text)
}

/** Strict inverse of {@link encodeBase64}: undefined unless `text` is exactly what encoding gives. */
export function decodeBase64(text: string): Bytes | undefined {
  const length = decodedLength(text)
  if (length === undefined) return undefined
  const bytes = new Uint8Array(length)
  return decodeBase64Into(text, bytes) ? bytes : undefined
}

/**
 * Decodes into the front of `target`, which must hold {@link decodedLength} bytes.
 * False for anything but canonical base64: foreign characters, white space, wrong padding, and
 * unused bits that are not zero (they would let one envelope be spelled in several ways).
 */
export function decodeBase64Into(text: string, target: Uint8Array): boolean {
  const padding = paddingOf(text)
  const whole = padding === 0 ? text.length : text.length - 4
  let out = 0
  let position = 0
  for (; position < whole; position += 4) {
    const a = sixBits(text, position)
    const b = sixBits(text, position + 1)
    const c = sixBits(text, position + 2)
    const d = sixBits(text, position + 3)
    if ((a | b | c | d) > 63) return false
    target[out++] = (a << 2) | (b >> 4)
    target[out++] = ((b & 15) << 4) | (c >> 2)
    target[out++] = ((c & 3) << 6) | d
  }
  if (padding === 0) return true
  const a = sixBits(text, position)
  const b = sixBits(text, position + 1)
  const c = padding === 1 ? sixBits(text, position + 2) : 0
  if ((a | b | c) > 63) return false
  const unusedBits = padding === 1 ? c & 3 : b & 15
  if (unusedBits !== 0) return false
  target[out++] = (a << 2) | (b >> 4)
  if (padding === 1) target[out] = ((b & 15) << 4) | (c >> 2)
  return true
}

function paddingOf(text: string): 0 | 1 | 2 {
  if (!text.endsWith('=')) return 0
  return text.endsWith('==') ? 2 : 1
}

function sixBits(text: string, position: number): number {
  const code = text.charCodeAt(position)
  return code < 128 ? (decodeTable[code] ?? INVALID) : INVALID
}
