import * as attest from '@nomyo/attest'
import { quotePolicy } from '@nomyo-internal/testing/vectors/quotes'
import { tpmVector, type QuoteVector } from '@nomyo-internal/testing/vectors'
import { median, timeMs } from './harness/statistics.js'
import type { RunContext } from './harness/run-context.js'

const ROUNDS = 200
const WARM_UP_ROUNDS = 50

/** Times the appraisal of a quote recorded from a software TPM, with anchor and reference values. */
export async function measureAppraisal({ progress, quick }: RunContext) {
  progress('appraisal of a quote')
  const vector = tpmVector<QuoteVector>('pos-pinned-ak')
  const { pcr_banks: pcrs, pcr_values: values } = vector.tpm_attestation
  const policy = {
    ...quotePolicy(vector, attest),
    requiredPcrs: attest.parsePcrSelection(String(pcrs)),
    referenceValues: values as Record<string, Record<string, string>>,
  }
  const appraiseQuote = async (): Promise<void> => {
    const { tier } = await attest.appraise(vector.tpm_attestation, policy)
    if (tier !== 'affirming') throw new Error(`appraisal: ${tier}`)
  }
  for (let round = 0; round < WARM_UP_ROUNDS; round++) await appraiseQuote()
  const rounds = quick ? 20 : ROUNDS
  const times: number[] = []
  while (times.length < rounds) times.push(await timeMs(appraiseQuote))
  return { rounds, ms: median(times) }
}
