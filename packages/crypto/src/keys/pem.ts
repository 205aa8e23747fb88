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
 * Reads exactly one PEM block, with LF or CRLF, in lines of any length, with or without a final
 * newline. Text around the block, a second block, or anything but base64 inside is refused: two
 * readers could take two different keys from such a file.
 *
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_LIMIT`
 */
export function decodePem(text: string): PemBlock {
  if (text.length > MAX_PEM_CHARACTERS) {
    throw new SecurityError('ERR_KEY_LIMIT', 'The PEM text is too long.')
  }
  const match =
    /^-----BEGIN ([A-Z0-9 ]{1,40})-----\r?\n([A-Za-z0-9+/=\r\n]+\n)-----END \1-----\s*$/.exec(text)
  const [, label, body] = match ?? []
  if (label === undefined || body === undefined) throw notPem()
  const der = decodeBase64Text(body.replace(/\r?\n/g, ''))
  if (der === undefined) throw notPem()
  return { label, der }
}

function notPem(): SecurityError {
  return new SecurityError('ERR_KEY_INVALID', 'Expected exactly one PEM block.')
}
