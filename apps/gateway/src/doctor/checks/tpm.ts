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
import type { GatewayConfig, TpmConfig } from '../../config/config.js'
import { SECURITY_TIERS } from '../../access/security-tier.js'
import { ok, problem, warning, type Check, type Finding } from '../finding.js'

const TIMEOUT_MS = 10_000
/** TPM_RC_HANDLE about the first handle (Part 2, 6.6): nothing is there. */
const NOTHING_THERE = 0x18b

/** The TPM: whether it quotes what it should. Makes no key that stays. */
export const tpmCheck: Check = {
  name: 'TPM',
  run: async (config) => {
    if (config.tpm === undefined) return [lookAtAbsence(config)]
    const tpm = new Tpm(config.tpm.address, { timeoutMs: config.tpm.timeoutMs ?? TIMEOUT_MS })
    try {
      return [await lookAt(tpm, config.tpm)]
    } catch (error) {
      if (!(error instanceof TpmError)) throw error
      return [problem(`${error.message} (${error.code})`, REMEDIES[error.code] ?? REMEDY)]
    } finally {
      // Its last command may still hang.
      void tpm.close()
    }
  },
}

function lookAtAbsence({ policy }: GatewayConfig): Finding {
  const unmet = SECURITY_TIERS.filter((tier) => policy?.tiers[tier]?.requireAttestation === true)
  if (unmet.length === 0) return ok('none: answers carry no evidence')
  return warning(
    `there is no TPM, and no answer for ${unmet.join(', ')}, which require attestation`,
    'give --tpm, or leave requireAttestation away',
  )
}

async function lookAt(tpm: Tpm, { pcrs, ak }: TpmConfig): Promise<Finding> {
  const startedAt = performance.now()
  const selection = parsePcrSelection(pcrs)
  if (ak.mode === 'persistent' && !(await isThere(tpm, ak.handle ?? DEFAULT_AK_HANDLE))) {
    await tpm.exclusive((send) => pcrRead(send, selection))
    return ok(
      `it has ${pcrs}; the start will make the attestation key, so no quote was tried`,
      performance.now() - startedAt,
    )
  }
  // Quotes once. An ephemeral key is gone afterwards.
  const { akName } = await createQuoter({ tpm, pcrs, ak })
  const key = ak.mode === 'persistent' ? Buffer.from(akName).toString('hex') : 'an ephemeral key'
  return ok(`${key} quotes ${pcrs}`, performance.now() - startedAt)
}

async function isThere(tpm: Tpm, handle: number): Promise<boolean> {
  try {
    await tpm.exclusive((send) => readPublic(send, handle))
    return true
  } catch (error) {
    if (error instanceof TpmError && error.responseCode === NOTHING_THERE) return false
    throw error
  }
}

const REMEDY = 'see that nothing else holds the TPM, and that --tpm names it'
const REMEDIES: Readonly<Partial<Record<TpmErrorCode, string>>> = {
  ERR_TPM_UNREACHABLE:
    'check --tpm; for a device, add the user of the gateway to its group: usermod -aG tss USER',
  ERR_TPM_PCRS: 'name PCRs and banks this TPM has with --pcrs; tpm2_getcap pcrs lists them',
  ERR_TPM_AK: 'choose another handle with --tpm-ak, such as 0x81010002',
  ERR_TPM_PCRS_CHANGING: 'leave out of --pcrs what changes all the time, or try again',
  ERR_TPM_RESPONSE: 'name a TPM 2.0 with --tpm: what is there does not answer as one',
}
