import type { Bytes } from '../bytes/bytes.js'
import { toBigInt, toHex } from '../bytes/hex.js'
import { TPM_ECC_CURVE } from '../structures/constants.js'
import { curveOf, isOnCurve, type Curve } from '../structures/curves.js'
import type { TpmtPublic } from '../structures/public.js'
import { DerReader, TAG } from './der.js'

/** Public key of a certificate; its numbers are big-endian without leading zeros. */
export type CertificateKey =
  | { readonly type: 'RSA'; readonly modulus: Bytes; readonly exponent: Bytes }
  | {
      readonly type: 'ECC'
      readonly curveId: number
      readonly curve: Curve
      readonly x: Bytes
      readonly y: Bytes
    }

/** DER of rsaEncryption with its NULL (RFC 3279, section 2.3.1), in hex. */
const RSA = '300d06092a864886f70d0101010500'

/** id-ecPublicKey with a named curve (RFC 5480, section 2.1.1). */
const CURVES: Readonly<Record<string, number>> = {
  '301306072a8648ce3d020106082a8648ce3d030107': TPM_ECC_CURVE.NIST_P256,
  '301006072a8648ce3d020106052b81040022': TPM_ECC_CURVE.NIST_P384,
  '301006072a8648ce3d020106052b81040023': TPM_ECC_CURVE.NIST_P521,
}

/**
 * Parses a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) of an RSA key, or of a point that is on
 * its curve. The users of a key check the strength of RSA keys.
 *
 * @throws TpmParseError `ERR_STRUCTURE_INVALID`
 */
export function parsePublicKey(spki: Uint8Array): CertificateKey {
  const outer = new DerReader(spki).enter(TAG.sequence)
  const algorithm = toHex(outer.whole(TAG.sequence))
  const bits = outer.bytes()
  outer.close()
  return algorithm === RSA ? readRsa(bits) : readPoint(outer, CURVES[algorithm], bits)
}

/** Tests whether a certificate is for this key of a TPM. */
export function isKeyOf(key: CertificateKey, area: TpmtPublic): boolean {
  if (key.type === 'RSA') {
    return (
      area.type === 'RSA' &&
      sameNumber(key.modulus, area.modulus) &&
      toBigInt(key.exponent) === BigInt(area.exponent)
    )
  }
  return (
    area.type === 'ECC' &&
    key.curveId === area.curveId &&
    sameNumber(key.x, area.x) &&
    sameNumber(key.y, area.y)
  )
}

function sameNumber(a: Uint8Array, b: Uint8Array): boolean {
  return toBigInt(a) === toBigInt(b)
}

function readRsa(bits: Bytes): CertificateKey {
  const outer = new DerReader(bits)
  const numbers = outer.enter(TAG.sequence)
  outer.close()
  const key = { type: 'RSA', modulus: numbers.unsigned(), exponent: numbers.unsigned() } as const
  numbers.close()
  return key
}

const UNCOMPRESSED = 4

function readPoint(reader: DerReader, curveId: number | undefined, bits: Bytes): CertificateKey {
  const curve = curveOf(curveId ?? 0)
  if (curveId === undefined || curve === undefined)
    return reader.fail('is for an unknown type of key')
  const [x, y] = [bits.slice(1, 1 + curve.size), bits.slice(1 + curve.size)]
  // Some platforms import any pair of numbers as a point.
  if (bits[0] !== UNCOMPRESSED || y.length !== curve.size || !isOnCurve(curve, x, y)) {
    reader.fail('is for a point that is not on its curve')
  }
  return { type: 'ECC', curveId, curve, x, y }
}
