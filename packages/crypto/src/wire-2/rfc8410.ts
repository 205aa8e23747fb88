import type { Bytes } from '../bytes/bytes.js'
import { join } from './hpke/hkdf.js'

/** The last byte of the object identifiers of RFC 8410. */
export const CURVES = { X25519: 0x6e, Ed25519: 0x70 } as const

/** The curves whose keys are 32 bytes in DER of a fixed form. */
export type Curve = keyof typeof CURVES

/** Encodes a private key as PrivateKeyInfo (PKCS#8). The caller zeroes it. */
export function pkcs8Of(curve: Curve, privateKey: Uint8Array): Bytes {
  const prefix = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, CURVES[curve], 4, 0x22, 4, 0x20]
  return join(Uint8Array.from(prefix), privateKey)
}

/** Encodes a public key as SubjectPublicKeyInfo. */
export function spkiOf(curve: Curve, publicKey: Uint8Array): Bytes {
  const prefix = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, CURVES[curve], 3, 0x21, 0]
  return join(Uint8Array.from(prefix), publicKey)
}
