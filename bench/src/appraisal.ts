import { readFile } from 'node:fs/promises'
import { appraise, parsePcrSelection, pinnedAk, type AppraisalPolicy } from '@nomyo/attest'
import type { QuoteVector } from '@nomyo-internal/testing/vectors'
import { timeMs } from './harness/statistics.js'
import type { RunContext } from './harness/run-context.js'
import { median } from './harness/statistics.js'

export interface AppraisalResult {
  readonly rounds: number
  /** Median milliseconds of one appraisal, all checks. */
  readonly ms: number
}

const ROUNDS = 200
const WARM_UP_ROUNDS = 50

/** Times the appraisal of a quote recorded from a software TPM, with anchor and reference values. */
export async function measureAppraisal({ progress, quick }: RunContext): Promise<AppraisalResult> {
  progress('appraisal of a quote')
  const vector = await recordedQuote()
  const policy = policyFor(vector)
  const appraiseQuote = async (): Promise<void> => {
    const { tier } = await appraise(vector.tpm_attestation, policy)
    if (tier !== 'affirming') throw new Error(`appraisal: ${tier}`)
  }
  for (let round = 0; round < WARM_UP_ROUNDS; round++) await appraiseQuote()
  const rounds = quick ? 20 : ROUNDS
  const times: number[] = []
  while (times.length < rounds) times.push(await timeMs(appraiseQuote))
  return { rounds, ms: median(times) }
}

async function recordedQuote(): Promise<QuoteVector> {
  // The package of the vectors is source only, which a built file cannot import.
  const testing = import.meta.resolve('@nomyo-internal/testing/package.json')
  const file = new URL('data/tpm/pos-pinned-ak.json', testing)
  return JSON.parse(await readFile(file, 'utf8')) as QuoteVector
}

function policyFor({
  policy,
  expected_extra_data: expected,
  ...vector
}: QuoteVector): AppraisalPolicy {
  const bytes = (hex: string | undefined): Uint8Array =>
    Uint8Array.from(Buffer.from(hex ?? '', 'hex'))
  const { pcr_banks: pcrs, pcr_values: values } = vector.tpm_attestation
  return {
    nonce: { extraData: bytes(expected.hex) },
    requiredPcrs: parsePcrSelection(String(pcrs)),
    referenceValues: values as Record<string, Record<string, string>>,
    trust: [pinnedAk(bytes(policy?.ak_name))],
    qualifiedSigner: bytes(policy?.qualified_signer),
  }
}
