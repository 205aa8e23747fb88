const PADDING = 0x3d

/** Returns how many characters `byteLength` bytes take in padded base64. */
export function base64Length(byteLength: number): number {
  return Math.ceil(byteLength / 3) * 4
}

/** Returns how many characters of padding base64 ends with, 2 at most. */
export function paddingLength(ascii: Uint8Array): number {
  const { length } = ascii
  return ascii[length - 1] !== PADDING ? 0 : ascii[length - 2] !== PADDING ? 1 : 2
}

/**
 * Returns how many bytes base64 holds, by its length and padding alone; undefined for a length that
 * no base64 has.
 */
export function decodedLength(ascii: Uint8Array): number | undefined {
  return ascii.length % 4 === 0 ? (ascii.length / 4) * 3 - paddingLength(ascii) : undefined
}
