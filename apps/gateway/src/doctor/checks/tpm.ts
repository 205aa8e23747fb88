import { ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { parsePcrSelection } from '@nomyo/attest'
import {
  DEFAULT_AK_HANDLE,
  Tpm,
  TpmError,
  createQuoter,
  pcrRead,
  readPublic,
  type TpmErrorCode,
} from '@nomyo/tpm'
import { SECURITY_TIERS } from '../../access/policy/tier-policy.js'
import type { GatewayConfig, TpmConfig } from '../../config/config.js'
import type { Check } from '../check.js'

const TIMEOUT_MS = 10_000
/** TPM_RC_HANDLE for the first handle (Part 2, 6.6): it is empty. */
const EMPTY_HANDLE = 0x18b

/** Checks that the TPM quotes the configured PCRs. Creates no persistent key. */
export const tpmCheck: Check = {
  name: 'TPM',
  run: async (config) => {
    if (config.tpm === undefined) return [checkAbsence(config)]
    const tpm = new Tpm(config.tpm.address, { timeoutMs: config.tpm.timeoutMs ?? TIMEOUT_MS })
    try {
      return [await checkQuote(tpm, config.tpm)]
    } catch (error) {
      if (!(error instanceof TpmError)) throw error
      return [problem(`${error.message} (${error.code})`, REMEDIES[error.code] ?? REMEDY)]
    } finally {
      // Not awaited: its last command may still hang.
      void tpm.close()
    }
  },
}

function checkAbsence({ policy }: GatewayConfig): Finding {
  const unmet = SECURITY_TIERS.filter((tier) => policy?.tiers[tier]?.requireAttestation === true)
  if (unmet.length === 0) return ok('none: answers carry no evidence')
  return warning(
    `without a TPM, requests of tier ${unmet.join(', ')}, which requires attestation, are refused`,
    'set --tpm, or omit requireAttestation',
  )
}

async function checkQuote(tpm: Tpm, { pcrs, ak }: TpmConfig): Promise<Finding> {
  const startedAt = performance.now()
  const selection = parsePcrSelection(pcrs)
  if (ak.mode === 'persistent' && !(await hasKey(tpm, ak.handle ?? DEFAULT_AK_HANDLE))) {
    await tpm.exclusive((send) => pcrRead(send, selection))
    return ok(
      `it has ${pcrs}, and no attestation key yet: the first start creates one, so no quote was requested`,
      performance.now() - startedAt,
    )
  }
  // Quotes once. An ephemeral key is flushed afterwards.
  const { akName } = await createQuoter({ tpm, pcrs, ak })
  const key = ak.mode === 'persistent' ? Buffer.from(akName).toString('hex') : 'an ephemeral key'
  return ok(`${key} quotes ${pcrs}`, performance.now() - startedAt)
}

async function hasKey(tpm: Tpm, handle: number): Promise<boolean> {
  try {
    await tpm.exclusive((send) => readPublic(send, handle))
    return true
  } catch (error) {
    if (error instanceof TpmError && error.responseCode === EMPTY_HANDLE) return false
    throw error
  }
}

const REMEDY = 'check that no other program holds the TPM, and that --tpm names it'
const REMEDIES: Readonly<Partial<Record<TpmErrorCode, string>>> = {
  ERR_TPM_UNREACHABLE:
    'check --tpm; for a device, add the user of the gateway to its group: usermod -aG tss USER',
  ERR_TPM_PCRS: 'set --pcrs to PCRs and banks of this TPM, which tpm2_getcap pcrs lists',
  ERR_TPM_AK: 'choose another handle with --tpm-ak, such as 0x81010002',
  ERR_TPM_PCRS_CHANGING: 'remove from --pcrs those that change constantly, or try again',
  ERR_TPM_RESPONSE: 'name a TPM 2.0 with --tpm: this device does not answer as one',
}
