/**
 * Variable-length integers (RFC 9000 section 16): the two highest bits give the length, 1, 2, 4 or 8
 * bytes. Written as short as possible, read in any length.
 */

/** A number that was read, and the offset behind it. */
export interface ReadVarint {
  /** Infinity for a number that JavaScript cannot represent, which is beyond every limit. */
  readonly value: number
  readonly end: number
}

/** Returns how many bytes a number takes. */
export function varintLength(value: number): number {
  return value < 2 ** 6 ? 1 : value < 2 ** 14 ? 2 : value < 2 ** 30 ? 4 : 8
}

/** Writes a number below 2^53; returns the offset behind it. */
export function writeVarint(value: number, target: Uint8Array, offset: number): number {
  const length = varintLength(value)
  let left = value
  for (let at = offset + length - 1; at >= offset; at--) {
    target[at] = left % 256
    left = Math.floor(left / 256)
  }
  target[offset] = (target[offset] ?? 0) | (Math.log2(length) << 6)
  return offset + length
}

/** Reads a number; undefined where the bytes end before it does. */
export function readVarint(bytes: Uint8Array, offset: number): ReadVarint | undefined {
  const first = bytes[offset]
  if (first === undefined) return undefined
  const end = offset + 2 ** (first >> 6)
  if (end > bytes.length) return undefined
  let value = first & 0x3f
  for (let at = offset + 1; at < end; at++) value = value * 256 + (bytes[at] ?? 0)
  return { value: Number.isSafeInteger(value) ? value : Infinity, end }
}
