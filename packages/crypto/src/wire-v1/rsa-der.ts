import { DerReader, RSA_ENCRYPTION } from '../bytes/der.js'
import { SecurityError } from '../errors.js'

/** Larger keys only waste the time of a server. */
const MAX_MODULUS_BITS = 8192
/** Large exponents are slow and several platforms refuse more than 33 bits. */
const MAX_EXPONENT_BITS = 33
const MIN_EXPONENT = 65537

/** The public numbers of an RSA key, unsigned big-endian without leading zeros. */
export interface RsaPublicNumbers {
  readonly modulus: Uint8Array
  readonly exponent: Uint8Array
}

/**
 * Reads a SubjectPublicKeyInfo (RFC 5280) that must hold an RSA key suitable for OAEP.
 *
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_TYPE`, `ERR_KEY_WEAK`, `ERR_KEY_LIMIT`
 */
export function parseRsaSpki(spkiDer: Uint8Array, minBits: number): RsaPublicNumbers {
  const document = new DerReader(spkiDer)
  const spki = document.sequence()
  document.end()
  readRsaAlgorithm(spki)
  const inner = new DerReader(spki.bitString())
  spki.end()
  const numbers = readNumbers(inner.sequence())
  inner.end()
  checkStrength(numbers, minBits)
  return numbers
}

/** Returns the length in bits of an unsigned big-endian number without leading zeros. */
export function bitLength(number: Uint8Array): number {
  const first = number[0] ?? 0
  return first === 0 ? 0 : (number.length - 1) * 8 + (32 - Math.clz32(first))
}

function readRsaAlgorithm(parent: DerReader): void {
  const algorithm = parent.sequence()
  if (algorithm.oid() !== RSA_ENCRYPTION) {
    throw new SecurityError('ERR_KEY_TYPE', 'The key is not a plain RSA key (rsaEncryption).')
  }
  algorithm.null()
  algorithm.end()
}

function readNumbers(key: DerReader): RsaPublicNumbers {
  const modulus = key.unsignedInteger()
  const exponent = key.unsignedInteger()
  key.end()
  return { modulus, exponent }
}

/** Exponent 1 sends the AES key in the clear; platforms accept all of these keys. */
function checkStrength({ modulus, exponent }: RsaPublicNumbers, minBits: number): void {
  const bits = bitLength(modulus)
  if (bits > MAX_MODULUS_BITS) {
    throw new SecurityError(
      'ERR_KEY_LIMIT',
      `The RSA key has ${String(bits)} bits; at most ${String(MAX_MODULUS_BITS)} are accepted.`,
    )
  }
  if (bits < minBits) {
    throw weak(`has ${String(bits)} bits; at least ${String(minBits)} are accepted`)
  }
  if (!isOdd(modulus)) throw weak('has an even modulus')
  if (bitLength(exponent) > MAX_EXPONENT_BITS) throw weak('has an oversized public exponent')
  const exponentValue = exponent.reduce((value, byte) => value * 256 + byte, 0)
  if (!isOdd(exponent) || exponentValue < MIN_EXPONENT) {
    throw weak(`has a public exponent that is even or below ${String(MIN_EXPONENT)}`)
  }
}

const isOdd = (number: Uint8Array): boolean => ((number.at(-1) ?? 0) & 1) === 1

const weak = (how: string): SecurityError =>
  new SecurityError('ERR_KEY_WEAK', `The RSA key ${how}.`)
