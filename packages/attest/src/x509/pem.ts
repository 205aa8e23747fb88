import { TpmParseError } from '../attest-error.js'
import { decodeBase64 } from '../bytes/base64.js'
import { MAX_DER, TAG } from './der.js'

/** Certificate: DER as bytes, or one PEM block (RFC 7468) as text. */
export type EncodedCertificate = string | Uint8Array

const BLOCK = /^\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----\s*$/

/** Length in two bytes, as every real certificate has it. */
const LONG_LENGTH = 0x82

/**
 * Decodes a certificate to DER. Bytes may end in padding of one repeated byte, as in the memory of a TPM, or
 * in a line break.
 *
 * @throws TpmParseError `ERR_STRUCTURE_INVALID` for anything but bytes or one block of PEM
 */
export function certificateDer(encoded: unknown): Uint8Array {
  // A copy: parsed bytes must not change later, and a Buffer's `slice` shares its memory.
  if (encoded instanceof Uint8Array) return new Uint8Array(withoutPadding(encoded))
  // Base64 is 4/3 as long; line breaks and armour add less than the remainder.
  const block = typeof encoded === 'string' && encoded.length < 2 * MAX_DER && BLOCK.exec(encoded)
  const der = block ? decodeBase64(block[1]?.replace(/\s/g, '') ?? '') : undefined
  if (der === undefined) {
    throw new TpmParseError('certificate', 0, 'is neither DER nor one block of PEM')
  }
  return der
}

/** Cuts an end that is uniform; anything else stays, for the parser to refuse. */
function withoutPadding(bytes: Uint8Array): Uint8Array {
  const [tag, first = 0, high = 0, low = 0] = bytes
  if (tag !== TAG.sequence || first !== LONG_LENGTH) return bytes
  const end = 4 + high * 256 + low
  const rest = bytes.subarray(end)
  const isUniform = rest.every((byte) => byte === rest[0])
  const isLineBreak = rest.length === 2 && rest[0] === 0x0d && rest[1] === 0x0a
  return isUniform || isLineBreak ? bytes.subarray(0, end) : bytes
}
