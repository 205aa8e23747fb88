import { createHash } from 'node:crypto'
import { PCR_VALUES, forgeKey, forgeQuote, forgedName } from '@nomyo-internal/testing/vectors/forge'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReceiptError } from '../src/errors.js'
import { PolicyError, appraise, keyBindingExtraData, payloadIdExtraData } from '../src/index.js'
import { formatPolicyFile, parsePolicyFile } from '../src/policy/file.js'
import { canonicalJson } from '../src/receipt/canonical-json.js'
import {
  RECEIPT_FORMAT,
  appraiseReceipt,
  createReceipt,
  digestMatches,
  parseReceipt,
  type Receipt,
} from '../src/receipt/index.js'
import { idsWith } from './support/appraisal.js'
import { expectCode } from '@nomyo-internal/testing'

describe('canonical JSON', () => {
  it('matches the examples of RFC 8785', () => {
    const values = String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
      "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`
    expect(canonicalJson(JSON.parse(values))).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    )
    const names = String.raw`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",
      "1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`
    const text = canonicalJson(JSON.parse(names))
    expect(JSON.parse(text)).toEqual(JSON.parse(names))
    expect([...text.matchAll(/:"(\w+)/g)].map(([, name]) => name)).toEqual([
      ...['Carriage', 'One', 'Control', 'Latin', 'Euro', 'Emoji', 'Hebrew'],
    ])
  })

  it('represents the value, in any order of its members', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = JSON.stringify(value)
        const text = canonicalJson(JSON.parse(json))
        expect(JSON.parse(text)).toEqual(JSON.parse(json))
        expect(canonicalJson(reversed(JSON.parse(json)))).toBe(text)
      }),
    )
  })
})

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).map(([name, member]) => [name, reversed(member)] as const)
  return Object.fromEntries(members.reverse())
}

const KEY = forgeKey()
const DOCUMENT = JSON.parse(
  formatPolicyFile({
    requiredPcrs: 'sha256:0,7,10',
    referenceValues: PCR_VALUES,
    pinnedAkNames: [forgedName(KEY)],
  }),
) as Record<string, unknown>
const POLICY = parsePolicyFile(JSON.stringify(DOCUMENT))
const SPKI = new TextEncoder().encode('a public key, for all this package knows')
const NONCE = new Uint8Array(32).fill(7)
const REQUEST = { model: 'm', messages: [{ role: 'user', content: 'canary-prompt' }] }
const ANSWER = { id: 'x', choices: [{ message: { content: 'canary-answer' } }] }
const PAYLOAD_ID = '4be4f1c0-0a4f-4e53-9a0e-6ff0cf3d1a51'

type Changes = Parameters<typeof forgeQuote>[1]

/** A receipt as the client makes it, parsed from its JSON. */
async function receiptOf({
  answerQuote = {},
  keyQuote = {},
  evidence,
}: {
  answerQuote?: Changes
  keyQuote?: Changes | null
  evidence?: unknown
} = {}): Promise<Receipt> {
  const binding = { nonce: NONCE, spki: SPKI }
  const quote = async () =>
    forgeQuote(await keyBindingExtraData(binding), { key: KEY, ...keyQuote })
  const keyEvidence = keyQuote === null ? undefined : { ...binding, evidence: await quote() }
  const forAnswer =
    evidence ?? forgeQuote(await payloadIdExtraData(PAYLOAD_ID), { key: KEY, ...answerQuote })
  const nonce = { payloadId: PAYLOAD_ID, mode: 'sha256' as const }
  const key = keyEvidence && (await appraise(keyEvidence.evidence, { ...POLICY, nonce: binding }))
  const receipt = await createReceipt({
    createdAt: new Date('2026-11-21T12:00:00Z'),
    writtenBy: 'test/1',
    payloadId: PAYLOAD_ID,
    payloadIdMode: 'sha256',
    algorithm: 'hybrid-aes256-rsa4096',
    serverKey: `sha256/${createHash('sha256').update(SPKI).digest('base64')}`,
    request: REQUEST,
    answer: { ...ANSWER, _metadata: { tpm_attestation: forAnswer } },
    evidence: forAnswer,
    keyEvidence,
    policy: POLICY.document,
    result: await appraise(forAnswer, { ...POLICY, nonce, previous: key?.verified }),
  })
  return parseReceipt(JSON.stringify(receipt))
}

describe('the text of a receipt', () => {
  it.each([
    ['a member twice', (text: string) => text.replace('{', '{"policy":null,')],
    [
      'a member of its policy twice',
      (text: string) => text.replace('"trust":', '"trust":[],"trust":'),
    ],
    [
      'more levels than a reader goes',
      (text: string) =>
        text.replace(
          '"policy":{',
          `"policy":{"comment":${'['.repeat(200_000)}${']'.repeat(200_000)},`,
        ),
    ],
  ])('is refused with %s', async (_, change) => {
    const text = JSON.stringify(await receiptOf())
    expect(parseReceipt(text).format).toBe(RECEIPT_FORMAT)
    const changed = change(text)
    expect(changed).not.toBe(text)
    expect(() => parseReceipt(changed)).toThrow(ReceiptError)
  })
})

describe('a receipt', () => {
  const otherValues = { sha256: { ...PCR_VALUES.sha256, 0: '00'.repeat(32) } }
  const withEvidence = (changes: object) => (receipt: Receipt) => ({
    ...receipt,
    evidence: { ...receipt.evidence, ...changes },
  })

  it('gives the original verdicts from its JSON alone', async () => {
    const { answer, key, agrees } = await appraiseReceipt(await receiptOf())
    expect([answer.tier, key?.tier, agrees]).toEqual(['affirming', 'affirming', true])
  })

  it('has no text of request or answer', async () => {
    const text = JSON.stringify(await receiptOf())
    expect(text).not.toContain('canary')
    expect(text).not.toContain(Buffer.from('canary').toString('base64'))
  })

  it('commits to request and answer without the additions of a client', async () => {
    const { request, answer } = await receiptOf()
    expect(await digestMatches(REQUEST, 'request', request)).toBe(true)
    expect(
      await digestMatches({ ...ANSWER, _metadata: { is_encrypted: true } }, 'answer', answer),
    ).toBe(true)
    expect(await digestMatches({ ...REQUEST, model: 'n' }, 'request', request)).toBe(false)
    expect(await digestMatches(ANSWER, 'request', request)).toBe(false)
    expect(await digestMatches({ ...REQUEST, _metadata: {} }, 'request', request)).toBe(false)
  })

  it('reveals nothing of its texts without the salts', async () => {
    const { request } = await receiptOf()
    expect(await digestMatches(REQUEST, 'request', { sha256: request.sha256 })).toBeUndefined()
    const other = await receiptOf()
    expect(other.request.sha256).not.toBe(request.sha256)
  })

  it.each([
    ['another payload id', (receipt: Receipt) => ({ ...receipt, payloadId: 'another' }), 'nonce'],
    ['another PCR value', withEvidence({ pcr_values: otherValues }), 'pcr.digest'],
    ['no evidence', (receipt: Receipt) => ({ ...receipt, evidence: null }), 'evidence.shape'],
  ])('with %s fails, and no longer agrees', async (_what, change, check) => {
    const changed = parseReceipt(JSON.stringify(change(await receiptOf())))
    const { answer, agrees } = await appraiseReceipt(changed)
    expect(answer.tier).toBe('contraindicated')
    expect(idsWith(answer, 'fail')).toContain(check)
    expect(agrees).toBe(false)
  })

  it('is not trusted about its own verdict', async () => {
    const receipt = await receiptOf({ answerQuote: { key: forgeKey() } })
    const boasting = { ...receipt, result: { ...receipt.result, tier: 'affirming' } }
    const { answer, agrees } = await appraiseReceipt(parseReceipt(JSON.stringify(boasting)))
    expect([answer.tier, agrees]).toEqual(['contraindicated', false])
  })

  it('is appraised by the policy of the reader, if given', async () => {
    const strict = parsePolicyFile(
      formatPolicyFile({ requiredPcrs: 'sha256:0', pinnedAkNames: [forgedName(forgeKey())] }),
    )
    const { answer, agrees } = await appraiseReceipt(await receiptOf(), { policy: strict })
    expect(idsWith(answer, 'fail')).toContain('ak.trust')
    expect(agrees).toBeUndefined()
  })

  it('without a policy requires one', async () => {
    const receipt = { ...(await receiptOf()), policy: null }
    await expect(appraiseReceipt(receipt)).rejects.toThrow(PolicyError)
    expect((await appraiseReceipt(receipt, { policy: POLICY })).answer.tier).toBe('affirming')
  })

  it('reveals a restart between the endorsement of the key and the answer', async () => {
    const receipt = await receiptOf({ answerQuote: { resetCount: 99 } })
    const { answer, key } = await appraiseReceipt(receipt)
    expect(key?.tier).toBe('affirming')
    expect(idsWith(answer, 'fail')).toContain('clock')
  })

  it('is refused with key evidence for another key', async () => {
    const receipt = { ...(await receiptOf()), serverKey: `sha256/${'A'.repeat(43)}=` }
    await expectCode(appraiseReceipt(receipt), 'ERR_RECEIPT_INVALID')
  })

  it('is none with the payload id itself in its quote', async () => {
    const receipt = { ...(await receiptOf()), payloadIdMode: 'raw' }
    expect(() => parseReceipt(JSON.stringify(receipt))).toThrow(ReceiptError)
    const raw = forgeQuote(new TextEncoder().encode(PAYLOAD_ID), { key: KEY })
    const { answer } = await appraiseReceipt(await receiptOf({ evidence: raw, keyQuote: null }))
    expect(idsWith(answer, 'fail')).toContain('nonce')
  })

  it('may lack evidence for the key', async () => {
    const { answer, key } = await appraiseReceipt(await receiptOf({ keyQuote: null }))
    expect([answer.tier, key]).toEqual(['affirming', undefined])
  })

  it.each([
    ['nothing', null],
    ['that none is available', { is_available: false }],
    ['words', { is_available: true, quote_b64: 'canary' }],
    ['text in place of PCRs', 'words'],
  ])('keeps nothing of evidence that states %s', async (_what, evidence) => {
    const sound = forgeQuote(await payloadIdExtraData(PAYLOAD_ID), { key: KEY })
    const given = evidence === 'words' ? { ...sound, pcr_banks: 'canary words' } : evidence
    const receipt = await receiptOf({ evidence: given ?? 'none', keyQuote: null })
    expect(receipt.evidence).toBeNull()
    expect(JSON.stringify(receipt)).not.toContain('canary')
  })

  it('drops unknown members of evidence', async () => {
    const sound = forgeQuote(await payloadIdExtraData(PAYLOAD_ID), { key: KEY })
    const receipt = await receiptOf({ evidence: { ...sound, note: 'canary' } })
    expect(JSON.stringify(receipt)).not.toContain('canary')
    expect(receipt.evidence).toEqual(sound)
  })
})

const sound = await receiptOf()

describe('an invalid receipt', () => {
  it.each([
    ['not JSON', '{'],
    ['a list', '[]'],
    ['null', 'null'],
    ['too large', `{"format":"${'x'.repeat(4 * 1024 * 1024)}"}`],
    ['another format', { ...sound, format: 'nomyo-receipt/2' }],
    ['facts about wire 2', { ...sound, wire: {} }],
    ['an unknown member', { ...sound, note: '' }],
    ['inherited members', Object.fromEntries([['__proto__', sound]])],
    ['an invalid time', { ...sound, createdAt: 'yesterday' }],
    ['a time without a zone', { ...sound, createdAt: '2026-11-21T12:00:00' }],
    ['an empty payload id', { ...sound, payloadId: '' }],
    ['a payload id with a space', { ...sound, payloadId: 'a b' }],
    ['control characters', { ...sound, writtenBy: '\u001b[2J' }],
    ['a long payload id', { ...sound, payloadId: 'x'.repeat(2000) }],
    ['an unknown mode', { ...sound, payloadIdMode: 'sha1' }],
    ['a short fingerprint', { ...sound, serverKey: 'sha256/AAAA' }],
    ['a short digest', { ...sound, request: { ...sound.request, sha256: 'AAAA' } }],
    ['a short salt', { ...sound, answer: { ...sound.answer, salt: 'AAAA' } }],
    ['a text beside a digest', { ...sound, answer: { ...sound.answer, text: 'x' } }],
    ['evidence as a string', { ...sound, evidence: 'x' }],
    ['a policy as a list', { ...sound, policy: [] }],
    ['an unknown tier', { ...sound, result: { ...sound.result, tier: 'fine' } }],
    ['no checks', { ...sound, result: { ...sound.result, checks: {} } }],
    ['a check without a code', { ...sound, result: { ...sound.result, checks: [{ id: 'x' }] } }],
    ['key evidence without a nonce', { ...sound, keyEvidence: { ...sound.keyEvidence, nonce: 1 } }],
  ])('is refused: %s', (_what, given) => {
    const text = typeof given === 'string' ? given : JSON.stringify(given)
    expect(() => parseReceipt(text)).toThrow(ReceiptError)
  })

  it.each(Object.keys(sound))('is refused: without %s', (member) => {
    const { [member as keyof Receipt]: _left, ...rest } = sound
    expect(() => parseReceipt(JSON.stringify(rest))).toThrow(ReceiptError)
  })

  it('differs from a valid one', () => {
    expect(parseReceipt(JSON.stringify(sound)).format).toBe(RECEIPT_FORMAT)
  })
})
