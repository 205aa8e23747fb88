import { TAG, derUnsignedInteger, derValue, rsaAlgorithm } from '../bytes/der.js'
import type { Bytes } from '../bytes/bytes.js'

// Formats of private keys other than bare PKCS#8. Always imported on demand, so that callers that have
// none of them load none of their code.
export { decryptPkcs8, encryptPkcs8 } from './encrypted-pkcs8.js'
export { decryptLegacyPkcs8 } from './legacy-pkcs8.js'

/** Puts a bare RSAPrivateKey (PKCS#1, `RSA PRIVATE KEY`) into a PKCS#8 PrivateKeyInfo. */
export function pkcs8FromPkcs1(pkcs1Der: Uint8Array): Bytes {
  return derValue(
    TAG.sequence,
    derUnsignedInteger(Uint8Array.of(0)),
    rsaAlgorithm(),
    derValue(TAG.octetString, pkcs1Der),
  )
}
