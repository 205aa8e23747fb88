import { platform } from '#crypto-platform'
import type { Bytes } from './types.js'
import { wipe } from './wipe.js'

const PADDING = 0x3d

/** How many characters `byteLength` bytes take in padded base64. */
export function base64Length(byteLength: number): number {
  return Math.ceil(byteLength / 3) * 4
}

/** Standard padded base64 (RFC 4648 section 4) of what may be a secret. */
export function encodeBase64(bytes: Uint8Array): string {
  const encoded = new Uint8Array(base64Length(bytes.length))
  platform.encodeBase64Into(bytes, encoded, 0)
  try {
    return new TextDecoder().decode(encoded)
  } finally {
    wipe(encoded)
  }
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

/** Strictly decodes standard padded base64 in ASCII; undefined for anything but its one canonical spelling. */
export function decodeBase64Bytes(ascii: Uint8Array): Bytes | undefined {
  const length = decodedLength(ascii)
  if (length === undefined) return undefined
  const bytes = new Uint8Array(length)
  return platform.decodeBase64Into(ascii, bytes) ? bytes : undefined
}

/** The same for a text, which may be a secret; what is not ASCII in it is no base64 as UTF-8 either. */
export function decodeBase64(text: string): Bytes | undefined {
  const ascii = new TextEncoder().encode(text)
  try {
    return decodeBase64Bytes(ascii)
  } finally {
    wipe(ascii)
  }
}
