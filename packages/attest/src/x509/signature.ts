import type { Bytes } from '../bytes/bytes.js'
import { webCryptoHash } from '../bytes/digest.js'
import { toBigInt } from '../bytes/hex.js'
import type { HashName } from '../structures/constants.js'
import type { Certificate } from './certificate.js'
import { DerReader, TAG } from './der.js'
import type { CertificateKey } from './public-key.js'

/**
 * Accepted signature algorithms of certificates, by the whole DER of the AlgorithmIdentifier in hex:
 * sha256/384/512WithRSAEncryption (RFC 4055, section 5) and ecdsa-with-SHA256/384/512 (RFC 5758,
 * section 3.2), the latter also with parameters of NULL, as Intel's CAs on a chip write them. SHA-1 is not
 * among them.
 */
const ALGORITHMS: Readonly<Record<string, readonly [CertificateKey['type'], HashName]>> = {
  '300d06092a864886f70d01010b0500': ['RSA', 'sha256'],
  '300d06092a864886f70d01010c0500': ['RSA', 'sha384'],
  '300d06092a864886f70d01010d0500': ['RSA', 'sha512'],
  '300a06082a8648ce3d040302': ['ECC', 'sha256'],
  '300a06082a8648ce3d040303': ['ECC', 'sha384'],
  '300a06082a8648ce3d040304': ['ECC', 'sha512'],
  '300c06082a8648ce3d0403020500': ['ECC', 'sha256'],
  '300c06082a8648ce3d0403030500': ['ECC', 'sha384'],
  '300c06082a8648ce3d0403040500': ['ECC', 'sha512'],
}

/** Key of an issuer. */
export type Signer = Pick<Certificate, 'key' | 'spki'>

/** Verifies that `signer` signed the certificate. Weak keys and unknown algorithms never verify. */
export async function isSignedBy(
  { algorithm, signed, signature }: Certificate,
  { key, spki }: Signer,
): Promise<boolean> {
  const [type, hash] = ALGORITHMS[algorithm] ?? []
  if (hash === undefined || type !== key.type || isWeak(key)) return false
  const hashName = webCryptoHash[hash]
  try {
    const name = type === 'RSA' ? 'RSASSA-PKCS1-v1_5' : 'ECDSA'
    const raw = key.type === 'ECC' ? rawSignature(signature, key.curve.size) : signature
    const parameters = key.type === 'ECC' ? { namedCurve: key.curve.name } : { hash: hashName }
    const imported = await crypto.subtle.importKey('spki', spki, { name, ...parameters }, false, [
      'verify',
    ])
    return await crypto.subtle.verify({ name, hash: hashName }, imported, raw, signed)
  } catch {
    // A platform that cannot import the key, or read the signature, has verified nothing.
    return false
  }
}

/** With exponent 1 any signature can be forged, and platforms accept it; over 8192 bits cost time only. */
function isWeak(key: CertificateKey): boolean {
  if (key.type !== 'RSA') return false
  const [bits, exponent] = [toBigInt(key.modulus).toString(2).length, toBigInt(key.exponent)]
  const isOdd = ((key.modulus.at(-1) ?? 0) & 1) === 1 && (exponent & 1n) === 1n
  return bits < 2048 || bits > 8192 || !isOdd || exponent < 65_537n || exponent >= 1n << 32n
}

/** Converts an ECDSA-Sig-Value (RFC 3279, section 2.2.3) to WebCrypto's form: both numbers, padded. */
function rawSignature(der: Uint8Array, size: number): Bytes {
  const outer = new DerReader(der)
  const numbers = outer.enter(TAG.sequence)
  outer.close()
  const raw = new Uint8Array(2 * size)
  for (const end of [size, 2 * size]) {
    const number = numbers.unsigned()
    if (number.length > size) numbers.fail('has a signature with a number too large')
    raw.set(number, end - number.length)
  }
  numbers.close()
  return raw
}
