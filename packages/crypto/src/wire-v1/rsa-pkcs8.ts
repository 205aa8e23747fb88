import { DerReader, RSA_ENCRYPTION, TAG } from '../bytes/der.js'
import { derUnsignedInteger, derValue, smallInteger } from '../bytes/der-values.js'
import { type Bytes, zeroize } from '../bytes/bytes.js'
import { SecurityError } from '../errors.js'
import type { KeyPair, PrivateKeyUse, Suite } from '../suite.js'
import {
  importRsaPublicKey,
  rsaPrivateKey,
  type RsaPrivateKey,
  type RsaPublicKey,
} from './rsa-keys.js'

/**
 * Reads a PKCS#8 and verifies by a trial decryption that its parts belong together. The checks of the
 * public key apply to it. Loaded on demand: most programs read no private key.
 *
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_TYPE`, `ERR_KEY_WEAK`, `ERR_KEY_LIMIT`
 */
export async function importRsaPrivateKey(
  suite: Suite,
  pkcs8Der: Uint8Array,
  options: PrivateKeyUse & { minBits: number },
): Promise<KeyPair> {
  const publicKey = await importRsaPublicKey(suite, spkiOfPkcs8(pkcs8Der), options.minBits)
  const privateKey = await rsaPrivateKey(suite, publicKey.bits, pkcs8Der, options)
  await checkConsistency(publicKey, privateKey)
  return { publicKey, privateKey }
}

/**
 * Derives the SubjectPublicKeyInfo from a PKCS#8 PrivateKeyInfo (RFC 5208) that holds an RSA key (RFC
 * 8017 A.1.2). Whether the key is strong is checked by its import.
 *
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_TYPE`
 */
export function spkiOfPkcs8(pkcs8Der: Uint8Array): Bytes {
  const document = new DerReader(pkcs8Der)
  const info = document.sequence()
  document.end()
  if (smallInteger(info) !== 0) throw invalid('has an unknown PKCS#8 version')
  const algorithm = info.read(TAG.sequence)
  if (new DerReader(algorithm).oid() !== RSA_ENCRYPTION) {
    throw new SecurityError('ERR_KEY_TYPE', 'The key is not a plain RSA key (rsaEncryption).')
  }
  const inner = new DerReader(info.read(TAG.octetString))
  const key = inner.sequence()
  inner.end()
  if (smallInteger(key) !== 0) throw invalid('is a multi-prime RSA key')
  const modulus = derUnsignedInteger(key.unsignedInteger())
  const exponent = derUnsignedInteger(key.unsignedInteger())
  // d, p, q, dp, dq, qInv: their form is checked here, their values by a trial decryption at import.
  for (let part = 0; part < 6; part++) key.unsignedInteger()
  key.end()
  const bits = derValue(TAG.bitString, Uint8Array.of(0), derValue(TAG.sequence, modulus, exponent))
  return derValue(TAG.sequence, derValue(TAG.sequence, algorithm), bits)
}

/** Refuses a key whose numbers contradict each other: it unwraps to other bytes, or fails to. */
async function checkConsistency(publicKey: RsaPublicKey, privateKey: RsaPrivateKey): Promise<void> {
  const secret = crypto.getRandomValues(new Uint8Array(32))
  const unwrapped = await privateKey.unwrap(await publicKey.wrap(secret))
  const consistent =
    unwrapped?.length === secret.length && secret.every((byte, index) => byte === unwrapped[index])
  zeroize(secret, unwrapped)
  if (!consistent) throw invalid('has parts that contradict each other')
}

const invalid = (how: string): SecurityError =>
  new SecurityError('ERR_KEY_INVALID', `The private key ${how}.`)
