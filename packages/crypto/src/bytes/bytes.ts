/** Bytes that WebCrypto takes: not backed by shared memory. */
export type Bytes = Uint8Array<ArrayBuffer>

/** Returns the same bytes, copied only from shared memory, which another thread could change. */
export function ownBytes(bytes: Uint8Array): Bytes {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Bytes) : new Uint8Array(bytes)
}

/**
 * Overwrites bytes with zeros, as soon as they are no longer needed.
 *
 * Clears these buffers only. Out of reach are copies that the engine makes while it collects garbage,
 * strings (PEM texts, passwords, prompts: they live until they are collected), `CryptoKey` objects,
 * memory swapped to disk, and core dumps.
 */
export function zeroize(...buffers: readonly (Uint8Array | undefined)[]): void {
  for (const buffer of buffers) buffer?.fill(0)
}

/** Joins parts in a new buffer, with zeros behind them where `size` is larger than their sum. */
export function concat(parts: readonly Uint8Array[], size: number): Bytes {
  const joined = new Uint8Array(size)
  let end = 0
  for (const part of parts) {
    joined.set(part, end)
    end += part.length
  }
  return joined
}

/** Compares two secrets of the same length in a time that does not depend on their content. */
export function isEqualInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let at = 0; at < a.length; at++) difference |= (a[at] ?? 0) ^ (b[at] ?? 0)
  return difference === 0
}
