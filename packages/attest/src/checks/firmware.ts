import { toHex, toHexNumber } from '../bytes/hex.js'
import type { ParsedEvidence } from '../evidence/parsed-evidence.js'
import { fail, pass, skip, type Verdict } from '../result/verdict.js'
import { unreadable } from './evidence.js'

/** Checks that the firmware of the TPM is an allowed one and has not changed since an earlier quote. */
export function checkFirmware({ quote, policy: { firmware, previous } }: ParsedEvidence): Verdict {
  const comparable =
    previous?.qualifiedSigner === toHex(quote.value?.qualifiedSigner ?? new Uint8Array())
  if (firmware === undefined && !comparable) {
    return skip('FIRMWARE_NOT_ASKED', 'the policy has no firmware version')
  }
  if (quote.value === undefined) return unreadable('quote')
  const actual = toHexNumber(quote.value.firmwareVersion)
  if (firmware !== undefined && !firmware.allowed.includes(actual)) {
    return fail('FIRMWARE_NOT_ALLOWED', 'the firmware of the TPM is not allowed', { actual })
  }
  if (comparable && previous.firmwareVersion !== actual) {
    return fail('FIRMWARE_CHANGED', 'the firmware of the TPM changed since the earlier quote', {
      expected: previous.firmwareVersion,
      actual,
    })
  }
  return pass('FIRMWARE_ALLOWED', `the TPM has firmware ${actual}`)
}
