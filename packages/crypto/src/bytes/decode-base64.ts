import { platform } from '#crypto-platform'
import { decodeBase64Into } from '../platform/neutral-base64.js'
import { decodedLength } from './base64.js'
import { type Bytes, zeroize } from './bytes.js'

/**
 * Decodes base64 (RFC 4648 section 4, padded) of any length. Undefined for every spelling but the
 * canonical one.
 *
 * @param spareBytes - zeros behind the decoded bytes
 */
export async function decodeBase64(
  ascii: Uint8Array,
  spareBytes: number,
): Promise<Bytes | undefined> {
  const bytes = roomFor(ascii, spareBytes)
  return bytes && (await platform.decodeBase64Into(ascii, bytes)) ? bytes : undefined
}

/**
 * Decodes a short text that may be a secret, as {@link decodeBase64} does. Characters beyond ASCII are
 * refused as others are.
 */
export function decodeBase64Text(text: string, spareBytes = 0): Bytes | undefined {
  const ascii = new TextEncoder().encode(text)
  try {
    const bytes = roomFor(ascii, spareBytes)
    return bytes && decodeBase64Into(ascii, bytes) ? bytes : undefined
  } finally {
    zeroize(ascii)
  }
}

function roomFor(ascii: Uint8Array, spareBytes: number): Bytes | undefined {
  const length = decodedLength(ascii)
  return length === undefined ? undefined : new Uint8Array(length + spareBytes)
}
