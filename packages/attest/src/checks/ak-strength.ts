import type { ParsedEvidence } from '../evidence/parsed-evidence.js'
import { fail, pass, skip, type Verdict } from '../result/verdict.js'
import { hashName } from '../structures/constants.js'
import { curveOf, isOnCurve } from '../structures/curves.js'
import type { RsaPublic, TpmtPublic } from '../structures/public.js'
import { unreadable } from './evidence.js'

const RSA_BITS = [2048, 3072, 4096]

/** Checks that neither signatures of the key can be forged nor a second key with its Name be found. */
export function checkAkStrength({ ak: { value } }: ParsedEvidence): Verdict {
  return value === undefined ? unreadable('attestation key') : keyStrength(value.publicArea)
}

/** Checks the strength of a key that signs attestations. */
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
 * Checks size, modulus and exponent of an RSA key. Platforms accept exponents that they should not:
 * with exponent 1 every signature equals its message, so any signature can be forged.
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

/** Checks that the public point is on its curve. Some platforms import any pair of numbers. */
export function checkAkPoint({ ak: { value } }: ParsedEvidence): Verdict {
  if (value === undefined) return unreadable('attestation key')
  const key = value.publicArea
  if (key.type === 'RSA') return skip('AK_RSA', 'an RSA key has no point')
  const curve = curveOf(key.curveId)
  if (curve === undefined) return fail('AK_CURVE_UNKNOWN', 'the curve of the key is unknown')
  return isOnCurve(curve, key.x, key.y)
    ? pass('AK_POINT_ON_CURVE', `the public point is on ${curve.name}`)
    : fail('AK_POINT_OFF_CURVE', `the public point is not on ${curve.name}`)
}
