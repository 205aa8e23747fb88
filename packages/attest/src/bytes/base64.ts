import type { Bytes } from './bytes.js'

/** Encodes bytes in standard padded base64 (RFC 4648, section 4). */
export function encodeBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}

/** Encodes bytes in unpadded base64url (RFC 4648, section 5), as JWK members require. */
export function encodeBase64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** Decodes base64 strictly: returns undefined unless `text` is exactly the output of {@link encodeBase64}. */
export function decodeBase64(text: string): Bytes | undefined {
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
    // atob accepts white space, missing padding and non-zero unused bits.
    return encodeBase64(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}
