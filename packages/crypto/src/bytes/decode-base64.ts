import { platform } from '#crypto-platform'
import { decodedLength } from './base64.js'
import { type Bytes, zeroize } from './bytes.js'

/**
 * Decodes base64 (RFC 4648 section 4, padded) that may be a secret. Undefined for every spelling but
 * the canonical one, and outside the limits, which are checked before anything is decoded.
 *
 * @param spareBytes - zeros behind the decoded bytes
 */
export function decodeBase64(
  ascii: Uint8Array,
  minBytes = 0,
  maxBytes = Infinity,
  spareBytes = 0,
): Bytes | undefined {
  const length = decodedLength(ascii) ?? -1
  if (length < minBytes || length > maxBytes) return undefined
  const bytes = new Uint8Array(length + spareBytes)
  return platform.decodeBase64Into(ascii, bytes) ? bytes : undefined
}

/** Decodes a text as {@link decodeBase64} does; characters beyond ASCII are refused as others are. */
export function decodeBase64Text(text: string): Bytes | undefined {
  const ascii = new TextEncoder().encode(text)
  try {
    return decodeBase64(ascii)
  } finally {
    zeroize(ascii)
  }
}
