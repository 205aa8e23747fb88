import { expect, it } from 'vitest'
import { explainResponseCode } from '../src/wire/response-codes.js'

it.each([
  [0x100, 'TPM_RC_INITIALIZE (0x100)'],
  [0x14c, 'TPM_RC_NV_DEFINED (0x14c)'],
  [0x18b, 'TPM_RC_HANDLE (0x18b, handle 1)'],
  [0x28b, 'TPM_RC_HANDLE (0x28b, handle 2)'],
  [0x902, 'TPM_RC_OBJECT_MEMORY (0x902)'],
  [0x921, 'TPM_RC_LOCKOUT (0x921)'],
  [0x922, 'TPM_RC_RETRY (0x922)'],
  [0x98e, 'TPM_RC_AUTH_FAIL (0x98e, session 1)'],
  [0x9a2, 'TPM_RC_BAD_AUTH (0x9a2, session 1)'],
  [0x99d, 'TPM_RC_POLICY_FAIL (0x99d, session 1)'],
  [0x2c4, 'TPM_RC_VALUE (0x2c4, parameter 2)'],
  [0x084, 'TPM_RC_VALUE (0x84)'],
  [0x000b0143, 'TPM_RC_COMMAND_CODE (0xb0143)'],
  [0x17f, 'an error (0x17f)'],
  [0x7ff, 'an error (0x7ff, parameter 7)'],
])('%i is named', (code, name) => {
  expect(explainResponseCode(code).split(': ')[0]).toBe(name)
})

it('describes every possible code', () => {
  for (let code = 1; code < 0x1000; code++) {
    expect(explainResponseCode(code)).toContain(`(0x${code.toString(16)}`)
  }
})
