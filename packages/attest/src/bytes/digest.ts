import type { HashName } from '../structures/constants.js'
import type { Bytes } from './types.js'

/** The name WebCrypto has for a hash. */
export const webCryptoHash: Readonly<Record<HashName, string>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
}

/** The hash of several pieces as if they were one. */
export async function digest(hash: HashName, ...pieces: Uint8Array[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest(webCryptoHash[hash], concat(...pieces)))
}

export function concat(...pieces: Uint8Array[]): Bytes {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let offset = 0
  for (const piece of pieces) {
    whole.set(piece, offset)
    offset += piece.length
  }
  return whole
}

/** Four bytes, big-endian, as TPM structures have them. */
export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

/** Equal length and content. Takes as long for the first byte that differs as for the last. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (const [index, byte] of a.entries()) difference |= byte ^ (b[index] ?? 0)
  return difference === 0
}
