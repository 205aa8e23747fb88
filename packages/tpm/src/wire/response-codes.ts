/** Response codes with special handling (Part 2, 6.6). */
export const TPM_RC = {
  INITIALIZE: 0x100,
  NV_DEFINED: 0x14c,
  YIELDED: 0x908,
  TESTING: 0x90a,
  RETRY: 0x922,
  /** TPM_RC_HANDLE for the first handle of a command. */
  HANDLE_1: 0x18b,
} as const

/** Tests whether the TPM requests the same command again, a little later. */
export function isTransient(code: number): boolean {
  return code === TPM_RC.RETRY || code === TPM_RC.YIELDED || code === TPM_RC.TESTING
}

/** Describes a response code: name, number, subject and advice. */
export function explainResponseCode(code: number): string {
  // The upper bits identify the layer: the kernel's resource manager reports this way, too.
  const tpmCode = code & 0xfff
  const hasSubject = (tpmCode & FORMAT_ONE) !== 0
  const known = CODES[hasSubject ? (tpmCode & 0x3f) | FORMAT_ONE : tpmCode]
  const [name, advice] = known ?? ['an error', 'see TPM 2.0 Library, Part 2, 6.6']
  const number = `0x${code.toString(16)}`
  return `${name} (${number}${hasSubject ? subject(tpmCode) : ''}): ${advice}.`
}

/** Set in codes that identify a parameter, handle or session. */
const FORMAT_ONE = 0x80

function subject(code: number): string {
  const number = code >> 8
  if ((code & 0x40) !== 0) return `, parameter ${number}`
  if (number > 8) return `, session ${number - 8}`
  return number === 0 ? '' : `, handle ${number}`
}

const CODES: Readonly<Record<number, readonly [name: string, advice: string]>> = {
  0x082: ['TPM_RC_ATTRIBUTES', 'the command does not apply to this type of object'],
  0x083: ['TPM_RC_HASH', 'the TPM does not have this hash algorithm'],
  0x084: ['TPM_RC_VALUE', 'the TPM refuses this value; a PCR or handle may be out of range'],
  0x085: ['TPM_RC_HIERARCHY', 'the hierarchy is disabled or does not fit; see the firmware setup'],
  0x08b: ['TPM_RC_HANDLE', 'the handle is empty'],
  0x08e: ['TPM_RC_AUTH_FAIL', 'the auth value is wrong, and repeating it leads to a lockout'],
  0x092: ['TPM_RC_SCHEME', 'the TPM does not have this signature scheme'],
  0x095: ['TPM_RC_SIZE', 'the value is too long for this TPM'],
  0x09d: [
    'TPM_RC_POLICY_FAIL',
    'the policy of the key is not satisfied, for example because its PCRs changed',
  ],
  0x09f: ['TPM_RC_INTEGRITY', 'this was made for another key or another TPM'],
  0x0a2: ['TPM_RC_BAD_AUTH', 'the auth value is wrong; set ownerAuth or endorsementAuth'],
  0x0a7: ['TPM_RC_CURVE', 'the TPM does not have this curve'],
  0x100: ['TPM_RC_INITIALIZE', 'the TPM was not started; send TPM2_Startup first'],
  0x101: ['TPM_RC_FAILURE', 'the TPM is in failure mode; reset the machine'],
  0x143: ['TPM_RC_COMMAND_CODE', 'the TPM does not have this command'],
  0x14b: ['TPM_RC_NV_SPACE', 'the TPM has no space for another persistent object; evict one'],
  0x14c: ['TPM_RC_NV_DEFINED', 'the handle is in use; use another or evict its object'],
  0x902: ['TPM_RC_OBJECT_MEMORY', 'all object slots are in use; flush one or use /dev/tpmrm0'],
  0x903: ['TPM_RC_SESSION_MEMORY', 'all session slots are in use; flush one or use /dev/tpmrm0'],
  0x905: ['TPM_RC_SESSION_HANDLES', 'all session handles are in use; flush one'],
  0x907: ['TPM_RC_LOCALITY', 'this locality may not do that; PCRs of the firmware cannot be reset'],
  0x908: ['TPM_RC_YIELDED', 'the TPM postponed the command each time; try later'],
  0x90a: ['TPM_RC_TESTING', 'the TPM is still testing itself; try later'],
  0x920: ['TPM_RC_NV_RATE', 'too many writes to NV memory; wait'],
  0x921: ['TPM_RC_LOCKOUT', 'too many wrong auth values; wait, or use tpm2_dictionarylockout'],
  0x922: ['TPM_RC_RETRY', 'the TPM was busy each time; try later'],
  0x923: ['TPM_RC_NV_UNAVAILABLE', 'the NV memory cannot be written now; try later'],
}
