import { createHash } from 'node:crypto'
import { seededRandom, type Random } from '@nomyo-internal/testing'
import { realEvidence, tpmVector } from '@nomyo-internal/testing/vectors'
import { PCR_VALUES, forgeKey, forgeQuote, forgedName } from '@nomyo-internal/testing/vectors/forge'
import { describe, expect, it } from 'vitest'
import { PolicyError, ReceiptError, TpmParseError } from '../../src/errors.js'
import { measuredBoot, parseEventLog, replayEventLog } from '../../src/eventlog/index.js'
import { imaLog, parseImaLog, replayImaLog } from '../../src/ima/index.js'
import { appraise, payloadIdExtraData } from '../../src/index.js'
import { formatPolicyFile, parsePolicyFile } from '../../src/policy/file.js'
import { appraiseReceipt, createReceipt, parseReceipt } from '../../src/receipt/index.js'
import {
  decodeEvidence,
  parseAttest,
  parsePublic,
  parseSignature,
} from '../../src/structures/index.js'
import { parseCertificate } from '../../src/x509/certificate.js'
import { akCertificate } from '../../src/x509/index.js'
import { quoteVector } from './appraisal.js'
import { EC_AK, NOW, akLeaf, authority } from './certificates.js'

const KEY = forgeKey()
const PAYLOAD_ID = '4be4f1c0-0a4f-4e53-9a0e-6ff0cf3d1a51'
const POLICY = formatPolicyFile({
  comment: 'a comment',
  requiredPcrs: 'sha256:0,7,10',
  referenceValues: PCR_VALUES,
  pinnedAkNames: [forgedName(KEY)],
})

/** A receipt with evidence of both kinds, as text. */
async function receiptText(): Promise<string> {
  const spki = new TextEncoder().encode('a key')
  const evidence = forgeQuote(await payloadIdExtraData(PAYLOAD_ID), { key: KEY })
  const policy = parsePolicyFile(POLICY)
  const nonce = { payloadId: PAYLOAD_ID, mode: 'sha256' as const }
  const receipt = await createReceipt({
    createdAt: new Date('2026-11-21T12:00:00Z'),
    writtenBy: 'test/1',
    payloadId: PAYLOAD_ID,
    payloadIdMode: 'sha256',
    algorithm: 'hybrid-aes256-rsa4096',
    serverKey: `sha256/${createHash('sha256').update(spki).digest('base64')}`,
    request: {},
    answer: {},
    evidence,
    keyEvidence: { spki, nonce: new Uint8Array(32), evidence },
    policy: policy.document,
    result: await appraise(evidence, { ...policy, nonce }),
  })
  return JSON.stringify(receipt)
}

/** Changes bytes as a hostile machine would: lengths, types, truncation, repetition. */
function mutateBytes(random: Random, sample: Uint8Array): Uint8Array {
  let bytes = Buffer.from(sample)
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(bytes.length + 1)
    const end = Math.min(bytes.length, at + random.below(40))
    const rest = bytes.subarray(end)
    const part = bytes.subarray(at, end)
    const extreme = Buffer.alloc(1 + random.below(4), random.of([0, 1, 0x7f, 0x80, 0xff]))
    bytes = random.of([
      () => bytes.subarray(0, at),
      () => Buffer.concat([bytes.subarray(0, at), extreme, bytes.subarray(at + extreme.length)]),
      () => Buffer.concat([bytes.subarray(0, at), rest]),
      () => Buffer.concat([bytes.subarray(0, end), part, rest]),
      () =>
        Buffer.concat([bytes.subarray(0, at), Buffer.of(random.below(256)), bytes.subarray(at)]),
      () => Buffer.concat([bytes, part]),
    ])()
  }
  return new Uint8Array(bytes)
}

const mutateText = (random: Random, sample: string): string =>
  new TextDecoder().decode(mutateBytes(random, new TextEncoder().encode(sample)))

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

/** JSON values that a reader may not expect. */
const ODD_VALUES: readonly string[] = [
  ...['null', 'true', '0', '-1', '1e308', '-0', '""', '"x"', '[]', '{}', '[null]', '"sha256:0"'],
  ...['{"length":-1}', '{"__proto__":{"a":1}}', '{"constructor":1,"toString":1}', '{"then":1}'],
  ...['"\\ud800"', '"\\u0000"', '"sha256/"', '"AAAA"', '["__proto__"]', '{"toJSON":1}'],
  ...['{"sha256":{"0":"00"}}', '{"__proto__":{"0":"00"}}', '"-----BEGIN CERTIFICATE-----"'],
  ...[nested(60), nested(20_000), JSON.stringify('x'.repeat(5000)), `[${'0,'.repeat(3000)}0]`],
]

/** Replaces, removes or repeats one value of a JSON text, at any depth. */
function mutateJson(random: Random, sample: string): string {
  const text = random.below(4) === 0 ? mutateText(random, sample) : sample
  // Values in their order; each is replaced as text, so that the result may be any JSON.
  const values = [...text.matchAll(/"(?:[^"\\]|\\.)*"(?!\s*:)|\b(?:true|false|null)\b|-?\d+/g)]
  const chosen = values.length === 0 ? undefined : random.of(values)
  if (chosen === undefined) return text
  const [start, end] = [chosen.index, chosen.index + chosen[0].length]
  const odd = random.below(6) === 0 ? mutateText(random, chosen[0]) : random.of(ODD_VALUES)
  return text.slice(0, start) + odd + text.slice(end)
}

type Attempt = (random: Random) => unknown

/** The calls that read from outside, each with the classes of errors that it documents. */
async function attempts(): Promise<
  Record<string, { attempt: Attempt; errors: readonly unknown[] }>
> {
  const receipt = await receiptText()
  const evidence = quoteVector('pos-ecdsa-p256').tpm_attestation
  const part = (name: string): Uint8Array => Buffer.from(String(evidence[name]), 'base64')
  const log = tpmVector<{ eventlog_b64: string; pcr_values: typeof PCR_VALUES; ima_ascii: string }>(
    'eventlog',
  )
  const eventLog = new Uint8Array(Buffer.from(log.eventlog_b64, 'base64'))
  const ima = log
  const root = authority('root')
  const issuer = authority('issuer', root)
  const leaf = akLeaf(issuer)
  const certificates = [
    leaf,
    issuer.certificate,
    ...['gce-ak-uca-ecc.der', 'stm-ek-leaf.der', 'intel-ondie-ca-root.der'].map(
      (name) => new Uint8Array(realEvidence(name) as Buffer),
    ),
  ]
  const endorsed = { publicArea: EC_AK, name: new Uint8Array(34) }
  const parse = [TpmParseError]
  return {
    parseAttest: { attempt: (r) => parseAttest(mutateBytes(r, part('quote_b64'))), errors: parse },
    parsePublic: {
      attempt: (r) => parsePublic(mutateBytes(r, part('aik_pubkey_b64'))),
      errors: parse,
    },
    parseSignature: {
      attempt: (r) => parseSignature(mutateBytes(r, part('signature_b64'))),
      errors: parse,
    },
    parseCertificate: {
      attempt: (r) => parseCertificate(mutateBytes(r, r.of(certificates))),
      errors: parse,
    },
    'akCertificate and its verdict': {
      attempt: (r) => {
        const chain = {
          leaf: mutateBytes(r, r.of(certificates)),
          intermediates: [mutateBytes(r, issuer.certificate), issuer.certificate],
          roots: [root.certificate],
        }
        return akCertificate(chain).endorse(endorsed, NOW)
      },
      errors: [],
    },
    parseEventLog: {
      attempt: (r) => replayEventLog(parseEventLog(mutateBytes(r, eventLog)), 'sha256'),
      errors: parse,
    },
    'measuredBoot and its verdict': {
      attempt: (r) => measuredBoot({ log: mutateBytes(r, eventLog) }).appraise(log.pcr_values),
      errors: [],
    },
    parseImaLog: {
      attempt: (r) => replayImaLog(parseImaLog(mutateText(r, ima.ima_ascii)), 'sha256'),
      errors: parse,
    },
    'imaLog and its verdict': {
      attempt: (r) => imaLog({ log: mutateText(r, ima.ima_ascii) }).appraise(ima.pcr_values),
      errors: [],
    },
    decodeEvidence: {
      attempt: (r) => decodeEvidence(parsedOrText(mutateJson(r, JSON.stringify(evidence)))),
      errors: parse,
    },
    parsePolicyFile: {
      attempt: (r) => parsePolicyFile(mutateJson(r, POLICY)),
      errors: [PolicyError],
    },
    parseReceipt: { attempt: (r) => parseReceipt(mutateJson(r, receipt)), errors: [ReceiptError] },
    appraiseReceipt: {
      attempt: (r) => appraiseReceipt(parseReceipt(mutateJson(r, receipt))),
      errors: [ReceiptError, PolicyError],
    },
  }
}

function parsedOrText(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return json
  }
}

/**
 * Defines the tests that read hostile evidence.
 *
 * @param inputs - number of inputs of each reader
 */
export async function testHostileInputs(inputs: number, seed: number): Promise<void> {
  describe(`${inputs} hostile inputs`, async () => {
    it.each(Object.entries(await attempts()))(
      'give the documented errors only: %s',
      { timeout: 600_000 },
      async (name, { attempt, errors }) => {
        const random = seededRandom(seed)
        let refused = 0
        for (let input = 0; input < inputs; input++) {
          try {
            await attempt(random)
          } catch (error) {
            refused++
            const isDocumented = errors.some((known) => error instanceof (known as typeof Error))
            if (!isDocumented)
              throw new Error(`${name}: seed ${seed}, input ${input}`, { cause: error })
          }
        }
        // Where errors are documented, some inputs cause one, or nothing was tried.
        expect(refused > inputs / 20).toBe(errors.length > 0)
      },
    )
  })
}
