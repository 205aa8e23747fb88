import type { Bytes } from './types.js'

/** Standard padded base64 (RFC 4648 section 4). */
export function encodeBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}

/** Strict inverse of {@link encodeBase64}: undefined unless `text` is exactly what encoding gives. */
export function decodeBase64(text: string): Bytes | undefined {
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
    // atob overlooks white space, missing padding and unused bits.
    return encodeBase64(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}
