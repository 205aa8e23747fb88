import type * as Library from '@nomyo/attest'
import type * as PolicyFiles from '@nomyo/attest/policy-file'
import type * as Receipts from '@nomyo/attest/receipt'
import type { QuoteVector } from '@nomyo-internal/testing/vectors'
import { quotePolicy } from '@nomyo-internal/testing/vectors/quotes'
import { codeOf, equal, rejectionOf, sameJson, thrownBy, type Case, type Suite } from './case.js'

/** The exports under test of `@nomyo/attest` and of two of its subpaths. */
export interface AttestLibraries {
  readonly attest: typeof Library
  readonly policyFile: typeof PolicyFiles
  readonly receipt: typeof Receipts
}

/** The vectors as plain JSON. */
export interface AttestVectors {
  readonly quotes: readonly {
    vector: QuoteVector
    /** Checks that must fail, and those that may fail beside them. */
    failures: { must: string[]; may: string[] }
    /** As {@link verdictsOf} gives them, where the vectors were gathered. */
    verdicts: string[]
  }[]
}

/** Evidence recorded of TPMs, sound and otherwise, and receipts of it. */
export function attestSuite(libraries: AttestLibraries, { quotes }: AttestVectors): Suite {
  const pinned = quotes.find(({ vector }) => vector.name === 'pos-pinned-ak')?.vector
  if (pinned === undefined) throw new Error('the vectors lack the quote that receipts are made of')
  return {
    name: 'attest',
    cases: [
      ...quotes.map((quote) => appraises(libraries.attest, quote)),
      ...receipts(libraries, pinned),
      ...errors(libraries, pinned),
    ],
  }
}

/** All that was found, in the order it was looked at. */
export function verdictsOf(result: Library.AttestationResult): string[] {
  const checks = result.checks.map(({ id, status, code }) => `${id} ${status} ${code}`)
  return [result.tier, result.trust, ...checks]
}

function appraises(
  { appraise, parsePcrSelection, pinnedAk }: typeof Library,
  { vector, failures, verdicts }: AttestVectors['quotes'][number],
): Case {
  return {
    name: `appraises ${vector.name}`,
    run: async () => {
      const policy = quotePolicy(vector, { parsePcrSelection, pinnedAk })
      const result = await appraise(vector.tpm_attestation, policy)
      const idsWith = (status: string): string[] =>
        result.checks
          .filter((check) => check.status === status && !failures.may.includes(check.id))
          .map(({ id }) => id)
          .sort()
      sameJson(idsWith('fail'), failures.must)
      sameJson(idsWith('warn'), [...vector.expect.warn].sort())
      equal(result.tier === 'contraindicated', vector.kind === 'negative')
      sameJson(verdictsOf(result), verdicts)
    },
  }
}

function receipts({ attest, policyFile, receipt }: AttestLibraries, vector: QuoteVector): Case[] {
  const make = async (): Promise<Receipts.Receipt> => {
    const file = policyFile.formatPolicyFile({
      requiredPcrs: 'sha256:0,7,10',
      pinnedAkNames: [vector.policy?.ak_name ?? ''],
    })
    const rules = policyFile.parsePolicyFile(file)
    const nonce = { payloadId: vector.payload_id, mode: 'sha256' as const }
    return receipt.createReceipt({
      createdAt: new Date('2026-11-21T12:00:00Z'),
      writtenBy: 'conformance',
      payloadId: vector.payload_id,
      payloadIdMode: 'sha256',
      algorithm: 'hybrid-aes256-rsa4096',
      serverKey: `sha256/${'A'.repeat(43)}=`,
      request: { text: 'canary of a request' },
      answer: { text: 'canary of an answer' },
      evidence: vector.tpm_attestation,
      keyEvidence: undefined,
      policy: rules.document,
      result: await attest.appraise(vector.tpm_attestation, { ...rules, nonce }),
    })
  }
  return [
    {
      name: 'appraises a receipt again with the same result',
      run: async () => {
        const text = JSON.stringify(await make())
        equal(text.includes('canary'), false)
        const { answer, agrees } = await receipt.appraiseReceipt(receipt.parseReceipt(text))
        equal(answer.trust, 'pinned')
        equal(answer.checks.filter(({ status }) => status === 'fail').length, 0)
        equal(agrees, true)
      },
    },
    {
      name: 'a receipt knows its texts, and no others',
      run: async () => {
        const made = await make()
        const matches = (text: string): Promise<boolean | undefined> =>
          receipt.digestMatches({ text }, 'request', made.request)
        equal(await matches('canary of a request'), true)
        equal(await matches('another'), false)
      },
    },
    {
      name: 'a receipt for another payload id is refused',
      run: async () => {
        const changed = { ...(await make()), payloadId: 'another' }
        const read = receipt.parseReceipt(JSON.stringify(changed))
        const { answer, agrees } = await receipt.appraiseReceipt(read)
        equal(answer.tier, 'contraindicated')
        equal(agrees, false)
      },
    },
  ]
}

function errors(
  { attest, policyFile, receipt }: AttestLibraries,
  vector: QuoteVector,
): readonly Case[] {
  const policy = quotePolicy(vector, attest)
  const kinds = [
    ['PolicyError', 'ERR_POLICY_INVALID', () => policyFile.parsePolicyFile('{}')],
    ['TpmParseError', 'ERR_STRUCTURE_INVALID', () => attest.parsePcrSelection('sha256:99')],
    ['ReceiptError', 'ERR_RECEIPT_INVALID', () => receipt.parseReceipt('{}')],
  ] as const
  return [
    ...kinds.map(([name, code, action]) => ({
      name: `a ${name} has a name and a code`,
      run: async () => {
        const error = (await thrownBy(action)) as Error & { code: string }
        equal(error instanceof Error, true)
        equal(error instanceof attest.PolicyError, name === 'PolicyError')
        equal(error instanceof attest.TpmParseError, name === 'TpmParseError')
        equal(error instanceof attest.AttestationError, false)
        equal(error.name, name)
        equal(error.code, code)
      },
    })),
    {
      name: 'an AttestationError holds the result',
      run: async () => {
        const result = await attest.appraise({ is_available: false }, policy)
        const error = await thrownBy(() => attest.requireTier(result, 'affirming'))
        equal(codeOf(error, attest.AttestationError), 'ERR_ATTESTATION_FAILED')
        equal((error as Library.AttestationError).result, result)
      },
    },
    {
      name: 'appraises evidence of any shape without throwing',
      run: async () => {
        const shapes = [
          undefined,
          null,
          1,
          'text',
          [],
          {},
          { ...vector.tpm_attestation, quote_b64: 1 },
        ]
        for (const shape of shapes) {
          equal((await attest.appraise(shape, policy)).tier, 'contraindicated')
        }
      },
    },
    {
      name: 'a policy that cannot be used is the mistake of the caller',
      run: async () => {
        const judging = attest.appraise(vector.tpm_attestation, { ...policy, requiredPcrs: 'x' })
        equal(codeOf(await rejectionOf(judging), attest.PolicyError), 'ERR_POLICY_INVALID')
      },
    },
  ]
}
