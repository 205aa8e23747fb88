import { TpmParseError } from '../attest-error.js'
import { decodeBase64 } from '../bytes/base64.js'
import { MAX_DER } from './der.js'

/** Certificate: DER as bytes, or one PEM block (RFC 7468) as text. */
export type EncodedCertificate = string | Uint8Array

const BLOCK = /^\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----\s*$/

/**
 * Decodes a certificate to DER.
 *
 * @throws TpmParseError `ERR_STRUCTURE_INVALID` for anything but bytes or one block of PEM
 */
export function certificateDer(encoded: unknown): Uint8Array {
  // A copy: parsed bytes must not change later, and a Buffer's `slice` shares its memory.
  if (encoded instanceof Uint8Array) return new Uint8Array(encoded)
  // Base64 is 4/3 as long; line breaks and armour add less than the remainder.
  const block = typeof encoded === 'string' && encoded.length < 2 * MAX_DER && BLOCK.exec(encoded)
  const der = block ? decodeBase64(block[1]?.replace(/\s/g, '') ?? '') : undefined
  if (der === undefined) {
    throw new TpmParseError('certificate', 0, 'is neither DER nor one block of PEM')
  }
  return der
}
