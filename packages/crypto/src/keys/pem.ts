import { platform } from '#crypto-platform'
import { decodeBase64Text } from '../bytes/decode-base64.js'
import type { Bytes } from '../bytes/bytes.js'
import { SecurityError } from '../errors.js'

/** An encrypted 8192-bit private key takes under 7 KB. */
const MAX_PEM_CHARACTERS = 16 * 1024

/** One PEM block. */
export interface PemBlock {
  readonly label: string
  readonly der: Bytes
}

/** Writes DER as PEM (RFC 7468): 64 columns, a final newline. */
export function encodePem(label: string, der: Uint8Array): string {
  const lines = platform.encodeBase64(der).match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

/**
 * Reads a text that is exactly one PEM block, with LF or CRLF, in lines of any length, with or without
 * a byte order mark and a final newline. Undefined for text around the block, a second block, or
 * anything but base64 inside: two readers could take two different keys from such a text.
 *
 * @throws SecurityError `ERR_KEY_LIMIT`
 */
export function soleBlock(text: string, maxCharacters = MAX_PEM_CHARACTERS): PemBlock | undefined {
  if (text.length > maxCharacters) {
    throw new SecurityError('ERR_KEY_LIMIT', 'The PEM text is too long.')
  }
  const [, label, body] =
    /^\uFEFF?-----BEGIN ([A-Z0-9 ]{1,40})-----\r?\n([A-Za-z0-9+/=\r\n]+\n)-----END \1-----\s*$/.exec(
      text,
    ) ?? []
  if (label === undefined || body === undefined) return undefined
  const der = decodeBase64Text(body.replace(/\r?\n/g, ''))
  return der && { label, der }
}

/**
 * Reads exactly one PEM block, as {@link soleBlock} does.
 *
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_LIMIT`
 */
export function decodePem(text: string): PemBlock {
  const block = soleBlock(text)
  if (block) return block
  throw new SecurityError('ERR_KEY_INVALID', 'Expected exactly one PEM block.')
}
