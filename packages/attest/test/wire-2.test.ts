import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { expectCode } from '@nomyo-internal/testing'
import { PCR_VALUES, forgeKey, forgeQuote, forgedName } from '@nomyo-internal/testing/vectors/forge'
import { describe, expect, it } from 'vitest'
import { ReceiptError } from '../src/errors.js'
import {
  appraise,
  keyBindingExtraData,
  payloadIdExtraData,
  pinnedAk,
  statementExtraData,
  type AppraisalPolicy,
} from '../src/index.js'
import { formatPolicyFile, parsePolicyFile } from '../src/policy/file.js'
import {
  WIRE_2_RECEIPT_FORMAT,
  appraiseReceipt,
  createReceipt,
  parseReceipt,
  type Receipt,
  type Wire2Input,
} from '../src/receipt/index.js'
import { found } from './support/appraisal.js'

const NONCE = new Uint8Array(32).fill(9)
const KEY = forgeKey()

const sha256 = (...parts: (Uint8Array | string)[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const IDENTITY = generateKeyPairSync('ed25519')
const OTHER = generateKeyPairSync('ed25519')

const spkiOf = ({ publicKey }: { publicKey: KeyObject }) =>
  publicKey.export({ type: 'spki', format: 'der' })
const fingerprintOf = (keys: { publicKey: KeyObject }) =>
  `sha256/${sha256(spkiOf(keys)).toString('base64')}`

const STATEMENT = new TextEncoder().encode(
  JSON.stringify({ type: 'nomyo-wire2/1', identities: [fingerprintOf(IDENTITY)] }),
)
const BINDING = { nonce: NONCE, statement: STATEMENT }

const policy = (nonce: unknown): AppraisalPolicy => ({
  nonce: nonce as AppraisalPolicy['nonce'],
  requiredPcrs: 'sha256:0,7,10',
  referenceValues: PCR_VALUES,
  trust: [pinnedAk(Buffer.from(forgedName(KEY), 'hex'))],
})

describe('the extraData of a statement', () => {
  it('is the documented hash', async () => {
    const expected = sha256(
      'nomyo/attest/wire2/v1\0',
      Uint8Array.of(0, 32),
      NONCE,
      sha256(STATEMENT),
    )
    expect(Buffer.from(await statementExtraData(BINDING))).toEqual(expected)
  })

  it('is never that of a key', async () => {
    const key = await keyBindingExtraData({ nonce: NONCE, spki: STATEMENT })
    expect(await statementExtraData(BINDING)).not.toEqual(key)
  })

  it.each([
    ['no binding', undefined],
    ['a nonce as text', { ...BINDING, nonce: 'text' }],
    ['a statement as text', { ...BINDING, statement: 'text' }],
    ['no statement', { nonce: NONCE }],
    ['a nonce without a length of two bytes', { ...BINDING, nonce: new Uint8Array(65_536) }],
  ])('refuses %s', async (_, binding) => {
    await expectCode(statementExtraData(binding as never), 'ERR_POLICY_INVALID')
  })
})

describe('a quote over a statement', () => {
  it('endorses that statement', async () => {
    const quote = forgeQuote(await statementExtraData(BINDING), { key: KEY })
    const result = await appraise(quote, policy(BINDING))
    expect([result.tier, found(result, 'binding')]).toEqual(['affirming', 'pass STATEMENT_BOUND'])
    expect(result.verified?.boundStatement).toBe(sha256(STATEMENT).toString('hex'))
    expect(result.verified?.boundKey).toBeUndefined()
  })

  it.each([
    ['another statement', { ...BINDING, statement: STATEMENT.slice(1) }],
    ['another nonce', { ...BINDING, nonce: new Uint8Array(32) }],
  ])('does not endorse %s', async (_, nonce) => {
    const quote = forgeQuote(await statementExtraData(BINDING), { key: KEY })
    const result = await appraise(quote, policy(nonce))
    expect(found(result, 'binding')).toBe('fail STATEMENT_NOT_BOUND')
    expect(found(result, 'nonce')).toBe('fail NONCE_MISMATCH')
    expect([result.tier, result.verified]).toEqual(['contraindicated', undefined])
  })

  it('does not endorse the same bytes as a key, nor a key as a statement', async () => {
    const asKey = { nonce: NONCE, spki: STATEMENT }
    const ofStatement = forgeQuote(await statementExtraData(BINDING), { key: KEY })
    const ofKey = forgeQuote(await keyBindingExtraData(asKey), { key: KEY })
    expect(found(await appraise(ofStatement, policy(asKey)), 'binding')).toBe('fail KEY_NOT_BOUND')
    expect(found(await appraise(ofKey, policy(BINDING)), 'binding')).toBe(
      'fail STATEMENT_NOT_BOUND',
    )
  })

  it('with a nonce that can be guessed endorses nothing', async () => {
    const short = { ...BINDING, nonce: new Uint8Array(15) }
    const quote = forgeQuote(await statementExtraData(short), { key: KEY })
    expect(found(await appraise(quote, policy(short)), 'binding')).toBe('fail STATEMENT_NOT_BOUND')
  })

  it.each([
    ['two subjects', { ...BINDING, spki: STATEMENT }],
    ['a statement beside bytes', { ...BINDING, extraData: NONCE }],
    ['a statement beside a payload id', { ...BINDING, payloadId: 'x'.repeat(36), mode: 'sha256' }],
    ['no subject', { nonce: NONCE }],
    ['no nonce', { statement: STATEMENT }],
    ['a statement as text', { nonce: NONCE, statement: 'text' }],
    ['a nonce as a list', { nonce: [...NONCE], statement: STATEMENT }],
    ['a nonce that is too long', { nonce: new Uint8Array(65_536), statement: STATEMENT }],
  ])('is not appraised by a policy with %s', async (_, nonce) => {
    await expectCode(appraise({}, policy(nonce)), 'ERR_POLICY_INVALID')
  })

  it('is compared with a copy of the statement', async () => {
    const changing = { nonce: NONCE.slice(), statement: STATEMENT.slice() }
    const appraising = appraise(
      forgeQuote(await statementExtraData(changing), { key: KEY }),
      policy(changing),
    )
    changing.statement.fill(0)
    expect((await appraising).verified?.boundStatement).toBe(sha256(STATEMENT).toString('hex'))
  })
})

const PAYLOAD_ID = '4be4f1c0-0a4f-4e53-9a0e-6ff0cf3d1a51'
const ENC = new Uint8Array(1120).fill(5)
const POLICY = parsePolicyFile(
  formatPolicyFile({
    requiredPcrs: 'sha256:0,7,10',
    referenceValues: PCR_VALUES,
    pinnedAkNames: [forgedName(KEY)],
  }),
)

type Keys = typeof IDENTITY

function signatureBy(
  keys: Keys,
  label = 'nomyo wire 2 key statement\0',
  statement: Uint8Array = STATEMENT,
) {
  const signature = sign(null, Buffer.concat([Buffer.from(label), statement]), keys.privateKey)
  return { identity: spkiOf(keys).toString('base64'), signature: signature.toString('base64') }
}

const documentOf = (signatures: unknown, statement: Uint8Array = STATEMENT) =>
  new TextEncoder().encode(
    JSON.stringify({ statement: Buffer.from(statement).toString('base64'), signatures }),
  )

/** A receipt as the client makes it, parsed from its JSON. */
async function receiptOf(wire: Partial<Wire2Input> = {}): Promise<Receipt> {
  const evidence = forgeQuote(await payloadIdExtraData(PAYLOAD_ID), { key: KEY })
  const receipt = await createReceipt({
    createdAt: new Date('2026-11-28T12:00:00Z'),
    writtenBy: 'test/1',
    payloadId: PAYLOAD_ID,
    payloadIdMode: 'sha256',
    algorithm: 'OHTTP MLKEM768-X25519 HKDF-SHA256 AES-256-GCM',
    serverKey: fingerprintOf(IDENTITY),
    request: { model: 'm' },
    answer: { id: 'x' },
    evidence,
    keyEvidence: undefined,
    policy: POLICY.document,
    result: await appraise(evidence, {
      ...POLICY,
      nonce: { payloadId: PAYLOAD_ID, mode: 'sha256' },
    }),
    wire: {
      document: documentOf([signatureBy(IDENTITY)]),
      enc: ENC,
      evidence: {
        nonce: NONCE,
        evidence: forgeQuote(await statementExtraData(BINDING), { key: KEY }),
      },
      ...wire,
    },
  })
  return parseReceipt(JSON.stringify(receipt))
}

describe('a receipt of wire 2', () => {
  it('proves offline that the quoted machine stood behind the signed statement', async () => {
    const receipt = await receiptOf()
    expect(receipt.format).toBe(WIRE_2_RECEIPT_FORMAT)
    const { answer, key } = await appraiseReceipt(receipt, { policy: POLICY })
    expect([answer.tier, key?.tier]).toEqual(['affirming', 'affirming'])
    expect(key?.verified?.boundStatement).toBe(sha256(STATEMENT).toString('hex'))
  })

  it('records the wire, the statement and enc', async () => {
    const { wire } = await receiptOf()
    expect(wire).toMatchObject({ version: 2, enc: Buffer.from(ENC).toString('base64') })
    expect(wire?.statement).toBe(Buffer.from(STATEMENT).toString('base64'))
  })

  it('may lack evidence over the statement', async () => {
    const { key, answer } = await appraiseReceipt(await receiptOf({ evidence: undefined }))
    expect([key, answer.tier]).toEqual([undefined, 'affirming'])
  })

  it('counts an identity with a valid signature beside others', async () => {
    const broken = { ...signatureBy(OTHER), signature: 'AAAA' }
    const document = documentOf([broken, signatureBy(OTHER), signatureBy(IDENTITY)])
    expect((await appraiseReceipt(await receiptOf({ document }))).key?.tier).toBe('affirming')
  })

  it('keeps only the known members of a signature', async () => {
    const document = documentOf([{ ...signatureBy(IDENTITY), note: 'canary' }])
    expect(JSON.stringify(await receiptOf({ document }))).not.toContain('canary')
  })

  it.each([
    ['by another identity', [signatureBy(OTHER)]],
    ['of another kind', [signatureBy(IDENTITY, 'nomyo wire 2 vouch\0')]],
    ['that is cut', [{ ...signatureBy(IDENTITY), signature: 'AAAA' }]],
    [
      'of another identity under the name of the right one',
      [{ ...signatureBy(OTHER), identity: signatureBy(IDENTITY).identity }],
    ],
  ])('contradicts itself with a signature %s', async (_, signatures) => {
    const receipt = await receiptOf({ document: documentOf(signatures) })
    await expectCode(appraiseReceipt(receipt), 'ERR_RECEIPT_INVALID')
  })

  it.each([
    ['names another identity', { identities: [fingerprintOf(OTHER)] }],
    ['names none', {}],
    ['names it outside a list', { identities: fingerprintOf(IDENTITY) }],
  ])('contradicts itself with a quote over a signed statement that %s', async (_, members) => {
    const statement = Buffer.from(JSON.stringify({ type: 'nomyo-wire2/1', ...members }))
    const document = documentOf([signatureBy(IDENTITY, undefined, statement)], statement)
    await expectCode(appraiseReceipt(await receiptOf({ document })), 'ERR_RECEIPT_INVALID')
  })

  it.each([
    ['names none', {}, undefined],
    ['names another identity', { identities: [fingerprintOf(OTHER)] }, 'ERR_RECEIPT_INVALID'],
  ])('without a quote over a signed statement that %s', async (_, members, code) => {
    const statement = Buffer.from(JSON.stringify({ type: 'nomyo-wire2/1', ...members }))
    const document = documentOf([signatureBy(IDENTITY, undefined, statement)], statement)
    const appraising = appraiseReceipt(await receiptOf({ document, evidence: undefined }))
    if (code === undefined) expect((await appraising).key).toBeUndefined()
    else await expectCode(appraising, code)
  })

  it('contradicts itself with another statement', async () => {
    const receipt = await receiptOf()
    const other = JSON.stringify({ identities: [fingerprintOf(IDENTITY)] })
    const wire = { ...receipt.wire!, statement: btoa(other) }
    await expectCode(appraiseReceipt({ ...receipt, wire }), 'ERR_RECEIPT_INVALID')
  })

  it('with evidence over another statement is contraindicated', async () => {
    const other = await statementExtraData({ ...BINDING, statement: STATEMENT.slice(1) })
    const evidence = { nonce: NONCE, evidence: forgeQuote(other, { key: KEY }) }
    const { key } = await appraiseReceipt(await receiptOf({ evidence }))
    expect(key?.tier).toBe('contraindicated')
  })

  it('reveals a restart between the statement and the answer', async () => {
    const quote = forgeQuote(await statementExtraData(BINDING), { key: KEY, resetCount: 99 })
    const receipt = await receiptOf({ evidence: { nonce: NONCE, evidence: quote } })
    expect(found((await appraiseReceipt(receipt)).answer, 'clock')).toMatch(/^fail/)
  })

  it.each([
    ['no document', ''],
    ['no statement', '{"signatures":[]}'],
    ['no signature', '{"statement":"AAAA","signatures":[]}'],
    ['signatures as text', '{"statement":"AAAA","signatures":"text"}'],
  ])('is not made from %s', async (_, document) => {
    const wire = { document: new TextEncoder().encode(document) }
    await expectCode(receiptOf(wire), 'ERR_RECEIPT_INVALID')
  })
})

const sound = await receiptOf()

describe('an invalid receipt of wire 2', () => {
  const withWire = (changes: object) => ({ ...sound, wire: { ...sound.wire, ...changes } })
  it.each([
    ['wire 2 under the format of wire 1', { ...sound, format: 'nomyo-receipt/1' }],
    ['an unknown format', { ...sound, format: 'nomyo-receipt/3' }],
    ['no facts', { ...sound, wire: undefined }],
    ['facts that are null', { ...sound, wire: null }],
    ['another version', withWire({ version: 3 })],
    ['an unknown fact', withWire({ note: '' })],
    ['a statement that is not base64', withWire({ statement: '*' })],
    ['a large statement', withWire({ statement: 'AAAA'.repeat(3000) })],
    ['a large enc', withWire({ enc: 'AAAA'.repeat(1000) })],
    ['an empty enc', withWire({ enc: '' })],
    ['no signatures', withWire({ signatures: [] })],
    ['nine signatures', withWire({ signatures: Array(9).fill(signatureBy(IDENTITY)) })],
    ['a text beside a signature', withWire({ signatures: [{ ...signatureBy(IDENTITY), x: 1 }] })],
    ['evidence as text', withWire({ evidence: 'x' })],
    ['evidence without a nonce', withWire({ evidence: { evidence: {} } })],
    [
      'evidence for an RSA key',
      { ...sound, keyEvidence: { spki: 'AAAA', nonce: 'AAAA', evidence: {} } },
    ],
  ])('is refused: %s', (_, given) => {
    expect(() => parseReceipt(JSON.stringify(given))).toThrow(ReceiptError)
  })

  it('is refused by the appraisal too', async () => {
    const given = withWire({ signatures: 'text' }) as unknown as Receipt
    await expectCode(appraiseReceipt(given), 'ERR_RECEIPT_INVALID')
  })
})
