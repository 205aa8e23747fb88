import type { Facts } from '../facts.js'
import { fail, pass, skip, type Verdict } from '../result.js'
import { curveOf, isOnCurve } from '../structures/curves.js'
import { unreadable } from './evidence.js'

/** The public point is on its curve. Not left to the platform: some import any pair of numbers. */
export function checkAkPoint({ ak: { value } }: Facts): Verdict {
  if (value === undefined) return unreadable('attestation key')
  const key = value.publicArea
  if (key.type === 'RSA') return skip('AK_RSA', 'an RSA key has no point')
  const curve = curveOf(key.curveId)
  if (curve === undefined) return fail('AK_CURVE_UNKNOWN', 'the curve of the key is not known')
  return isOnCurve(curve, key.x, key.y)
    ? pass('AK_POINT_ON_CURVE', `the public point is on ${curve.name}`)
    : fail('AK_POINT_OFF_CURVE', `the public point is not on ${curve.name}`)
}
