import { quoteVectors } from '@nomyo-internal/testing/vectors'
import { expectedFailures } from '@nomyo-internal/testing/vectors/quotes'
import { describe, expect, it } from 'vitest'
import { toHex, toHexNumber } from '../src/bytes/hex.js'
import { CHECK_IDS, appraise } from '../src/index.js'
import { parseAttest } from '../src/structures/index.js'
import { idsWith, policyOf } from './support/appraisal.js'

describe('quotes made with a software TPM and by hand', () => {
  it.each(quoteVectors())('$name', async (vector) => {
    const result = await appraise(vector.tpm_attestation, policyOf(vector))
    const { must, may } = expectedFailures(vector)
    const failed = idsWith(result, 'fail').filter((id) => !may.includes(id))

    expect(failed.sort()).toEqual(must)
    expect(idsWith(result, 'warn').sort()).toEqual(vector.expect.warn)
    expect(result.checks.map(({ id }) => id)).toEqual([...CHECK_IDS])
  })

  it.each(quoteVectors().filter(({ kind }) => kind === 'negative'))(
    '$name is contraindicated',
    async (vector) => {
      const result = await appraise(vector.tpm_attestation, policyOf(vector))
      expect(result.tier).toBe('contraindicated')
    },
  )

  it.each(quoteVectors().filter(({ kind }) => kind !== 'negative'))(
    '$name is not affirming without an anchor and reference values',
    async (vector) => {
      const result = await appraise(vector.tpm_attestation, policyOf(vector))
      expect(result.tier).toBe(vector.name === 'pos-pinned-ak' ? 'warning' : 'none')
    },
  )

  it.each(quoteVectors().filter(({ kind }) => kind === 'positive'))(
    '$name is read field by field as the other implementation reads it',
    ({ tpm_attestation: evidence, parsed }) => {
      const attest = parseAttest(Buffer.from(String(evidence['quote_b64']), 'base64'))
      const { clockInfo, attested } = attest
      if (attested.type !== 'quote') throw new Error('not a quote')
      expect({
        magic: attest.magic.toString(16),
        type: attest.typeId.toString(16),
        qualifiedSigner: toHex(attest.qualifiedSigner),
        extraData: toHex(attest.extraData),
        clockInfo: { ...clockInfo, clock: String(clockInfo.clock) },
        firmwareVersion: toHexNumber(attest.firmwareVersion),
        pcrSelect: attested.pcrSelect.map(({ hash, pcrs }) => ({ hash, pcrs })),
        pcrDigest: toHex(attested.pcrDigest),
      }).toMatchObject(withoutSizes(parsed ?? {}))
    },
  )
})

function withoutSizes({ form: _, ...parsed }: Record<string, unknown>): Record<string, unknown> {
  const select = parsed['pcrSelect'] as { hash: string; pcrs: number[] }[]
  return { ...parsed, pcrSelect: select.map(({ hash, pcrs }) => ({ hash, pcrs })) }
}
