const PADDING = 0x3d

/** How many characters `byteLength` bytes take in padded base64. */
export function base64Length(byteLength: number): number {
  return Math.ceil(byteLength / 3) * 4
}

/**
 * How many bytes base64 holds, judged by its length and padding alone.
 * Undefined when no base64 has this length.
 */
export function decodedLength(ascii: Uint8Array): number | undefined {
  if (ascii.length % 4 !== 0) return undefined
  const padding = ascii.at(-1) !== PADDING ? 0 : ascii.at(-2) !== PADDING ? 1 : 2
  return (ascii.length / 4) * 3 - padding
}
