import type { Facts } from '../facts.js'
import { fail, pass, skip, type Verdict } from '../result.js'
import { toHex, toHexNumber } from '../bytes/hex.js'
import { unreadable } from './evidence.js'

/** The firmware of the TPM is one that is allowed, and the one it had before. */
export function checkFirmware({ quote, policy: { firmware, previous } }: Facts): Verdict {
  const comparable =
    previous?.qualifiedSigner === toHex(quote.value?.qualifiedSigner ?? new Uint8Array())
  if (firmware === undefined && !comparable) {
    return skip('FIRMWARE_NOT_ASKED', 'no firmware version was given')
  }
  if (quote.value === undefined) return unreadable('quote')
  const actual = toHexNumber(quote.value.firmwareVersion)
  if (firmware !== undefined && !firmware.allowed.includes(actual)) {
    return fail('FIRMWARE_NOT_ALLOWED', 'the TPM has firmware that is not allowed', { actual })
  }
  if (comparable && previous.firmwareVersion !== actual) {
    return fail('FIRMWARE_CHANGED', 'the firmware of the TPM changed since the earlier quote', {
      expected: previous.firmwareVersion,
      actual,
    })
  }
  return pass('FIRMWARE_ALLOWED', `the TPM has firmware ${actual}`)
}
