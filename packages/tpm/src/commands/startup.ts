import type { TpmCommand } from '../command.js'

const TPM_SU_CLEAR = 0

/** TPM2_Startup (Part 3, 9.3) after a reset: PCRs as at boot. Refused by a TPM that is started. */
export const STARTUP_CLEAR: TpmCommand = {
  name: 'TPM2_Startup',
  code: 0x144,
  parameters: Uint8Array.of(0, TPM_SU_CLEAR),
}
