import type { Facts } from '../facts.js'
import { fail, pass, type Verdict } from '../result.js'
import { hashName } from '../structures/constants.js'
import { curveOf } from '../structures/curves.js'
import type { RsaPublic, TpmtPublic } from '../structures/public.js'
import { unreadable } from './evidence.js'

const RSA_BITS = [2048, 3072, 4096]

/** The key is one nobody can forge signatures of, and its Name one nobody can find another key for. */
export function checkAkStrength({ ak: { value } }: Facts): Verdict {
  if (value === undefined) return unreadable('attestation key')
  return keyStrength(value.publicArea)
}

/** The rules for the strength of a key that signs attestations. */
export function keyStrength(key: TpmtPublic): Verdict {
  const nameHash = hashName(key.nameAlg)
  if (nameHash === undefined || nameHash === 'sha1') {
    return fail('AK_NAME_WEAK', 'the Name of the key is not made with SHA-2')
  }
  if (key.type === 'RSA') return rsaStrength(key)
  const curve = curveOf(key.curveId)
  return curve === undefined
    ? fail('AK_CURVE_UNKNOWN', 'the curve of the key is not P-256, P-384 or P-521')
    : pass('AK_STRONG', `the key is on ${curve.name}`)
}

/**
 * Size, modulus and exponent of an RSA key. Platforms let exponents through that they should not:
 * with exponent 1 every signature is its own message, and anybody can make it.
 */
export function rsaStrength({ keyBits, modulus, exponent }: RsaPublic): Verdict {
  if (!RSA_BITS.includes(keyBits)) {
    return fail('AK_RSA_SIZE', `the key has ${keyBits} bits, not 2048, 3072 or 4096`)
  }
  const first = modulus[0] ?? 0
  const last = modulus.at(-1) ?? 0
  if (modulus.length * 8 !== keyBits || first < 0x80 || (last & 1) === 0) {
    return fail('AK_RSA_MODULUS', `the modulus is not an odd number of ${keyBits} bits`)
  }
  if (exponent !== 65_537) {
    return fail('AK_RSA_EXPONENT', 'the public exponent is not 65537', {
      expected: '65537',
      actual: String(exponent),
    })
  }
  return pass('AK_STRONG', `the key is RSA with ${keyBits} bits`)
}
