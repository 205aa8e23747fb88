import { base64Length, paddingLength } from '../bytes/base64.js'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const INVALID = 0xff
const PADDING = 0x3d

/** Six-bit value to ASCII code. */
const encodeTable = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0))

/** Byte to six-bit value, {@link INVALID} for what is no ASCII code of the alphabet. */
const decodeTable = new Uint8Array(256).fill(INVALID)
for (const [value, code] of encodeTable.entries()) decodeTable[code] = value

/** See {@link Platform.encodeBase64}. */
export function encodeBase64(bytes: Uint8Array): string {
  const encoded = new Uint8Array(base64Length(bytes.length))
  encodeBase64Into(bytes, encoded, 0)
  try {
    return new TextDecoder().decode(encoded)
  } finally {
    encoded.fill(0)
  }
}

/** See {@link Platform.encodeBase64Into}. */
export function encodeBase64Into(source: Uint8Array, target: Uint8Array, offset: number): number {
  let out = offset
  for (let position = 0; position < source.length; position += 3) {
    // Behind the end there are zeros, whose characters become padding below.
    const bits =
      ((source[position] ?? 0) << 16) |
      ((source[position + 1] ?? 0) << 8) |
      (source[position + 2] ?? 0)
    target[out++] = encodeTable[bits >> 18] ?? 0
    target[out++] = encodeTable[(bits >> 12) & 63] ?? 0
    target[out++] = encodeTable[(bits >> 6) & 63] ?? 0
    target[out++] = encodeTable[bits & 63] ?? 0
  }
  const left = source.length % 3
  if (left > 0) target.fill(PADDING, out - 3 + left, out)
  return out
}

/** See {@link Platform.decodeBase64Into}. */
export function decodeBase64Into(ascii: Uint8Array, target: Uint8Array): boolean {
  const padding = paddingLength(ascii)
  const whole = padding === 0 ? ascii.length : ascii.length - 4
  let out = 0
  let position = 0
  for (; position < whole; position += 4) {
    const a = sixBits(ascii, position)
    const b = sixBits(ascii, position + 1)
    const c = sixBits(ascii, position + 2)
    const d = sixBits(ascii, position + 3)
    if ((a | b | c | d) > 63) return false
    target[out++] = (a << 2) | (b >> 4)
    target[out++] = ((b & 15) << 4) | (c >> 2)
    target[out++] = ((c & 3) << 6) | d
  }
  if (padding === 0) return true
  const a = sixBits(ascii, position)
  const b = sixBits(ascii, position + 1)
  const c = padding === 1 ? sixBits(ascii, position + 2) : 0
  const unusedBits = padding === 1 ? c & 3 : b & 15
  if ((a | b | c) > 63 || unusedBits !== 0) return false
  target[out++] = (a << 2) | (b >> 4)
  if (padding === 1) target[out] = ((b & 15) << 4) | (c >> 2)
  return true
}

const sixBits = (ascii: Uint8Array, position: number): number =>
  decodeTable[ascii[position] ?? INVALID] ?? INVALID
