import { TAG, derUnsignedInteger, derValue, rsaAlgorithm } from '../bytes/der.js'
import type { Bytes } from '../bytes/types.js'

/** Puts a bare RSAPrivateKey (PKCS#1, `RSA PRIVATE KEY`) into a PKCS#8 PrivateKeyInfo. */
export function pkcs8FromPkcs1(pkcs1Der: Uint8Array): Bytes {
  return derValue(
    TAG.sequence,
    derUnsignedInteger(Uint8Array.of(0)),
    rsaAlgorithm(),
    derValue(TAG.octetString, pkcs1Der),
  )
}
