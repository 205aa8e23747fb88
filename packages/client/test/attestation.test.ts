import type { ServerResponse } from 'node:http'
import {
  attestationPolicy,
  keyBindingExtraData,
  payloadIdExtraData,
  pinnedAk,
  type AttestationResult,
} from '@nomyo/attest'
import { formatPolicyFile, parsePolicyFile } from '@nomyo/attest/policy-file'
import { appraiseReceipt, digestMatches, parseReceipt, type Receipt } from '@nomyo/attest/receipt'
import { openJson } from '@nomyo/crypto'
import { PCR_VALUES, forgeKey, forgeQuote, forgedName } from '@nomyo-internal/testing/vectors/forge'
import { describe, expect, it, vi } from 'vitest'
import {
  AttestationError,
  SecureChatCompletion,
  type AttestationEvent,
  type AttestationOptions,
} from '../src/index.js'
import {
  sealFor,
  sealedEcho,
  startTestServer,
  newSession,
  newStepClient,
  refuse,
  testKey,
  type TestServer,
} from './support.js'
import { expectCode, withCode } from '@nomyo-internal/testing'

const KEY = forgeKey()
const RULES = {
  requiredPcrs: 'sha256:0,7,10',
  referenceValues: PCR_VALUES,
  trust: [pinnedAk(Buffer.from(forgedName(KEY), 'hex'))],
}

const POLICY = attestationPolicy(RULES)

type Changes = Parameters<typeof forgeQuote>[1]

/** The expected values, but for one PCR. */
const withPcr = (index: string) => ({
  sha256: { ...PCR_VALUES.sha256, [index]: '00'.repeat(32) },
})

/** A server whose evidence the test decides; its TPM is a program, pinned as if it were one. */
interface Machine {
  readonly server: TestServer
  /** Deviations of the quotes for its key from the expected ones; undefined for no evidence. */
  keyQuote: Changes | undefined
  answerQuote: Changes | undefined
  answerMetadata: Record<string, unknown>
  /** Number of requests for evidence of its key. */
  asked: number
}

async function startMachine(): Promise<Machine> {
  const server = await startTestServer()
  const machine: Machine = { server, keyQuote: {}, answerQuote: {}, answerMetadata: {}, asked: 0 }
  server.answerAttestation = async (nonce, response) => {
    machine.asked++
    const { pem, spkiDer: spki } = server.serverKey.publicKey
    const extraData = await keyBindingExtraData({ nonce: Buffer.from(nonce, 'base64url'), spki })
    response.end(JSON.stringify({ public_key: pem, ...evidence(extraData, machine.keyQuote) }))
  }
  server.answer = async (seen, response) => {
    const extraData = await payloadIdExtraData(String(seen.headers['x-payload-id']))
    const metadata = { ...evidence(extraData, machine.answerQuote), ...machine.answerMetadata }
    response.end(await sealedEcho(seen, server.serverKey, metadata))
  }
  return machine
}

const evidence = (extraData: Uint8Array, changes: Changes | undefined) => ({
  tpm_attestation: changes
    ? forgeQuote(extraData, { key: KEY, ...changes })
    : { is_available: false },
})

/** Decrypts the requests to the machine. */
const requestsTo = ({ server }: Machine) =>
  Promise.all(
    server.completions.map(
      async ({ body }) => (await openJson(body, server.serverKey.privateKey)).value,
    ),
  )

/** Starts a machine and creates a client of it, with its events. */
async function connect(
  state: Partial<Machine> = {},
  options: Partial<AttestationOptions> = {},
): Promise<{ machine: Machine } & Awaited<ReturnType<typeof clientOf>>> {
  const machine = Object.assign(await startMachine(), state)
  return { machine, ...(await clientOf(machine, options)) }
}

/** Creates a client of a machine, with its events. */
async function clientOf({ server }: Machine, options: Partial<AttestationOptions> = {}) {
  const events: AttestationEvent[] = []
  const ask = await newSession({
    baseUrl: server.url,
    attestation: { policy: POLICY, onResult: (event) => events.push(event), ...options },
  })
  return { ask: () => ask({ messages: [{ role: 'user', content: 'hush' }] }), events }
}

const failing = (result: AttestationResult) =>
  result.checks.filter(({ status }) => status === 'fail').map(({ id }) => id)

async function refusal(work: Promise<unknown>): Promise<AttestationError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof AttestationError) return error
  throw new Error(`no AttestationError: ${String(error)}`)
}

describe('before sending', () => {
  it('the machine attests its key, and again its answer', async () => {
    const { ask, events } = await connect()
    const completion = await ask()
    expect(completion.choices[0].message.content).toBe('hush')
    expect(completion._metadata.attestation).toMatchObject({ tier: 'affirming', trust: 'pinned' })
    expect(events.map(({ subject, result }) => [subject, result.tier])).toEqual([
      ['server-key', 'affirming'],
      ['answer', 'affirming'],
    ])
    expect(events[1]?.payloadId).toBe(completion._metadata.payload_id)
    expect(events[0]?.result.verified?.boundKey).toMatch(/^[0-9a-f]{64}$/)
  })

  it('a result is valid for the interval, and calls share the request', async () => {
    const { machine, ask } = await connect()
    await Promise.all([ask(), ask()])
    await ask()
    expect(machine.asked).toBe(1)
    const impatient = await clientOf(machine, { interval: 0 })
    await impatient.ask()
    await impatient.ask()
    expect(machine.asked).toBe(3)
  })

  const other = forgeKey()
  it.each<[string, Changes, string]>([
    ['other PCR values', { values: withPcr('7') }, 'pcr.policy'],
    ['another nonce', { extraData: Buffer.alloc(32) }, 'binding'],
    ['another key', { key: other }, 'ak.trust'],
    ['no evidence', undefined, 'evidence.shape'],
  ])('nothing is sent to a machine with %s', async (_, quote, check) => {
    const { machine, ask, events } = await connect({ keyQuote: quote })
    const error = await refusal(ask())
    expect(failing(error.result)).toContain(check)
    expect(error.code).toBe('ERR_ATTESTATION_FAILED')
    expect(machine.server.completions).toEqual([])
    expect(events.at(-1)?.result).toBe(error.result)
  })

  it('a failed result is not kept: a machine may be fixed', async () => {
    const { machine, ask } = await connect({ keyQuote: undefined })
    await refusal(ask())
    machine.keyQuote = {}
    await expect(ask()).resolves.toBeDefined()
  })

  it.each([404, 405, 501])('a server that answers %i is refused', async (status) => {
    const machine = await startMachine()
    machine.server.answerAttestation = refuse(status)
    const { ask } = await clientOf(machine)
    const { result } = await refusal(ask())
    expect(result.checks[0]).toMatchObject({ id: 'evidence.shape', code: 'EVIDENCE_MISSING' })
    expect(machine.server.completions).toEqual([])
  })

  it.each([
    ['no JSON', (response: ServerResponse) => response.end('<html>')],
    ['a list', (response: ServerResponse) => response.end('[]')],
    ['nothing', (response: ServerResponse) => response.end('{}')],
  ])('%s for an answer is no evidence', async (_, answer) => {
    const machine = await startMachine()
    machine.server.answerAttestation = (_nonce, response) => void answer(response)
    const { ask } = await clientOf(machine)
    expect(failing((await refusal(ask())).result)).toContain('evidence.shape')
    expect(machine.server.completions).toEqual([])
  })

  it('an unavailable TPM is a transient fault', async () => {
    const machine = await startMachine()
    machine.server.answerAttestation = refuse(503)
    const { ask } = await clientOf(machine)
    await expectCode(ask(), 'ERR_UNAVAILABLE')
    expect(machine.server.completions).toEqual([])
  })

  it('after a change of the server key the machine attests the new one', async () => {
    const { machine, ask } = await connect({}, { interval: 0 })
    await ask()
    machine.server.serverKey = await testKey('other')
    await expect(ask()).resolves.toBeDefined()
    expect(machine.server.completions).toHaveLength(2)
  })

  it('encryptPayload encrypts nothing either', async () => {
    const machine = await startMachine()
    machine.keyQuote = undefined
    const client = newStepClient(machine.server, { attestation: { policy: POLICY } })
    await refusal(client.encryptPayload({ model: 'm' }))
    machine.keyQuote = {}
    expect(await client.encryptPayload({ model: 'm' })).toBeInstanceOf(Uint8Array)
  })
})

describe('the evidence in an answer', () => {
  it.each<[string, Changes, string]>([
    ['made for another payload id', { extraData: Buffer.alloc(32, 1) }, 'nonce'],
    ['of another key', { key: forgeKey() }, 'ak.trust'],
    ['of other PCR values', { values: withPcr('0') }, 'pcr.policy'],
    ['that is missing', undefined, 'evidence.shape'],
    ['of a machine reset since it attested its key', { resetCount: 2 }, 'clock'],
  ])('%s: the text is not returned', async (_, quote, check) => {
    const { ask, events } = await connect({ answerQuote: quote })
    const error = await refusal(ask())
    expect(failing(error.result)).toContain(check)
    expect(error.payloadId).toBe(events.at(-1)?.payloadId)
    expect(JSON.stringify(error)).not.toContain('hush')
  })

  it('of a machine that was reset is refused to every call under way', async () => {
    const machine = await startMachine()
    machine.answerQuote = { resetCount: 2 }
    const { answer } = machine.server
    let [letGo, answered] = [(): void => undefined, 0]
    const refused = new Promise<void>((resolve) => (letGo = resolve))
    machine.server.answer = async (seen, response) => {
      if (answered++ > 0) await refused
      await answer(seen, response)
    }
    const { ask } = await clientOf(machine)
    const errors = [ask(), ask()].map(refusal)
    await Promise.race(errors)
    letGo()
    for (const { result } of await Promise.all(errors)) expect(failing(result)).toEqual(['clock'])
  })

  it('must be of a machine that attested the key, and of one that has not restarted since', async () => {
    const other = forgeKey()
    const names = [KEY, other].map((key) => pinnedAk(Buffer.from(forgedName(key), 'hex')))
    const policy = attestationPolicy({ ...RULES, trust: names })
    const machine = await startMachine()
    const byOther = { key: other, qualifiedSigner: Buffer.from(forgedName(other), 'hex') }
    machine.answerQuote = byOther
    const { ask } = await clientOf(machine, { policy })
    // Trusted by the policy, and never asked about the key.
    const { result } = await refusal(ask())
    expect(result.checks.find(({ id }) => id === 'clock')?.code).toBe('CLOCK_OTHER_KEY')
    machine.keyQuote = byOther
    await ask()
    // Both have attested it: either may answer.
    machine.answerQuote = {}
    await ask()
    machine.answerQuote = { resetCount: 9 }
    const restarted = await refusal(ask())
    expect(restarted.result.checks.find(({ id }) => id === 'clock')?.code).toBe('CLOCK_RESET')
  })

  it('that was refused is refused again', async () => {
    const machine = await startMachine()
    const client = newStepClient(machine.server, { attestation: { policy: POLICY } })
    await client.encryptPayload({ model: 'm' })
    const payloadId = crypto.randomUUID()
    const extraData = await payloadIdExtraData(payloadId)
    const headers = { 'x-public-key': encodeURIComponent(await client.publicKey()) }
    const value = { choices: [], _metadata: evidence(extraData, { resetCount: 2 }) }
    const seal = () => sealFor({ headers, body: new Uint8Array() }, value)
    const answer = await seal()
    const open = (sealed: Uint8Array) => client.decryptResponse(sealed, payloadId)
    expect(failing((await refusal(open(answer))).result)).toEqual(['clock'])
    expect(failing((await refusal(open(await seal()))).result)).toEqual(['clock'])
    await expectCode(open(answer), 'ERR_REPLY_REPLAYED')
  })

  it('is appraised whatever the result of attestation for another call', async () => {
    const machine = await startMachine()
    const { answer } = machine.server
    let letGo = (): void => undefined
    machine.server.answer = (seen, response) => {
      letGo = () => void answer(seen, response)
    }
    const { ask } = await clientOf(machine, { interval: 0 })
    const first = ask()
    await vi.waitFor(() => {
      expect(machine.server.completions).toHaveLength(1)
    })
    machine.server.answerAttestation = (_nonce, response) => {
      letGo()
      setTimeout(() => response.writeHead(503).end(), 200)
    }
    await expectCode(ask(), 'ERR_UNAVAILABLE')
    await expect(first).resolves.toBeDefined()
  })

  it('a machine that restarted is attested anew before the next request', async () => {
    const { machine, ask } = await connect()
    machine.answerQuote = { resetCount: 2 }
    await refusal(ask())
    machine.keyQuote = { resetCount: 2 }
    await expect(ask()).resolves.toBeDefined()
    expect(machine.asked).toBe(2)
  })

  it('alone is appraised with after-response', async () => {
    const { machine, ask, events } = await connect({}, { when: 'after-response' })
    await ask()
    expect(machine.asked).toBe(0)
    machine.answerQuote = undefined
    await refusal(ask())
    expect(machine.server.completions).toHaveLength(2)
    expect(events.map(({ subject }) => subject)).toEqual(['answer', 'answer'])
  })

  it('a result written by the server is discarded', async () => {
    const machine = await startMachine()
    machine.answerMetadata = { attestation: { tier: 'affirming' } }
    const ask = await newSession({ baseUrl: machine.server.url })
    expect((await ask())._metadata).not.toHaveProperty('attestation')
    const attested = await clientOf(machine)
    const { _metadata } = await attested.ask()
    expect(_metadata.attestation?.checks).toHaveLength(29)
  })
})

describe('a program in the place of a TPM', () => {
  it('is never more than unendorsed, and accepted only where configured', async () => {
    const machine = await startMachine()
    const policy = attestationPolicy({ ...RULES, trust: 'none' })
    const { ask, events } = await clientOf(machine, { policy })
    const { result } = await refusal(ask())
    expect(result).toMatchObject({ tier: 'none', trust: 'unendorsed', vector: {} })
    const open = await clientOf(machine, { policy, tier: 'none' })
    const { _metadata } = await open.ask()
    expect(_metadata.attestation).toMatchObject({ tier: 'none', trust: 'unendorsed' })
    for (const event of [...events, ...open.events]) {
      expect(JSON.stringify(event.result)).not.toMatch(/verified|hardware/)
    }
  })

  it('a wrong quote is refused also where no endorsement is required', async () => {
    const policy = attestationPolicy({ ...RULES, trust: 'none' })
    const wrong = { keyQuote: { extraData: Buffer.alloc(32) } }
    const { machine, ask } = await connect(wrong, { policy, tier: 'none' })
    await refusal(ask())
    expect(machine.server.completions).toEqual([])
  })
})

describe('options', () => {
  const make = (attestation: unknown) => () =>
    new SecureChatCompletion({ attestation: attestation as AttestationOptions })

  it.each([
    ['no policy', {}],
    ['bare rules for a policy', { policy: RULES }],
    ['no object', true],
    ['an unknown option', { policy: POLICY, wen: 'before-send' }],
    ['another time', { policy: POLICY, when: 'never' }],
    ['another tier', { policy: POLICY, tier: 'contraindicated' }],
    ['half a millisecond', { policy: POLICY, interval: 0.5 }],
    ['a callback that is none', { policy: POLICY, onResult: true }],
  ])('%s', (_, options) => {
    expect(make(options)).toThrow(withCode('ERR_INVALID_OPTION'))
  })
})

describe('a receipt', () => {
  const policyText = formatPolicyFile({
    requiredPcrs: 'sha256:0,7,10',
    referenceValues: PCR_VALUES,
    pinnedAkNames: [forgedName(KEY)],
  })
  const policy = attestationPolicy(parsePolicyFile(policyText))
  const messages = [{ role: 'user' as const, content: 'canary-prompt' }]

  async function receiptsOf(machine: Machine, attestation: AttestationOptions | undefined) {
    const receipts: Receipt[] = []
    const ask = await newSession({
      baseUrl: machine.server.url,
      attestation,
      onReceipt: async (receipt) => {
        await Promise.resolve()
        receipts.push(receipt)
      },
    })
    return { ask: (model = 'm') => ask({ model, messages }), receipts }
  }

  it('is emitted before the answer, and verified again from its JSON', async () => {
    const machine = await startMachine()
    const { ask, receipts } = await receiptsOf(machine, { policy })
    const completion = await ask()
    expect(receipts).toHaveLength(1)
    const receipt = parseReceipt(JSON.stringify(receipts[0]))
    expect(receipt.payloadId).toBe(completion._metadata.payload_id)
    expect(receipt.serverKey).toBe(machine.server.serverKey.publicKey.fingerprint)
    const { answer, key, agrees } = await appraiseReceipt(receipt)
    expect([answer.tier, key?.tier, agrees]).toEqual(['affirming', 'affirming', true])
  })

  it('commits to the plaintext of request and answer, and holds neither', async () => {
    const machine = await startMachine()
    const { ask, receipts } = await receiptsOf(machine, { policy })
    const completion = await ask()
    const [receipt] = receipts
    const [request] = await requestsTo(machine)
    expect(await digestMatches(request, 'request', receipt!.request)).toBe(true)
    expect(
      await digestMatches(JSON.parse(JSON.stringify(completion)), 'answer', receipt!.answer),
    ).toBe(true)
    expect(await digestMatches({ ...request, model: 'n' }, 'request', receipt!.request)).toBe(false)
    expect(JSON.stringify(receipts)).not.toContain('canary')
  })

  it('comes with every answer, from one attestation of the key, each under its own id', async () => {
    const machine = await startMachine()
    const { ask, receipts } = await receiptsOf(machine, { policy })
    await Promise.all([ask(), ask(), ask()])
    expect(machine.asked).toBe(1)
    expect(new Set(receipts.map(({ payloadId }) => payloadId)).size).toBe(3)
    for (const receipt of receipts) {
      expect((await appraiseReceipt(receipt)).key?.tier).toBe('affirming')
    }
  })

  it('comes without an appraisal too, and needs a policy later', async () => {
    const machine = await startMachine()
    const { ask, receipts } = await receiptsOf(machine, undefined)
    await ask()
    const receipt = parseReceipt(JSON.stringify(receipts[0]))
    expect([receipt.result, receipt.policy, receipt.keyEvidence]).toEqual([null, null, null])
    await expectCode(appraiseReceipt(receipt), 'ERR_POLICY_INVALID')
    expect(
      (await appraiseReceipt(receipt, { policy: parsePolicyFile(policyText) })).answer.tier,
    ).toBe('affirming')
  })

  it('is not emitted for a refused answer', async () => {
    const machine = await startMachine()
    machine.answerQuote = { key: forgeKey() }
    const { ask, receipts } = await receiptsOf(machine, { policy })
    await refusal(ask())
    expect(receipts).toEqual([])
  })

  it('that cannot be stored withholds the answer, without a second request', async () => {
    const machine = await startMachine()
    const ask = await newSession({
      baseUrl: machine.server.url,
      onReceipt: () => {
        throw new RangeError('disk full')
      },
    })
    await expect(ask({ messages })).rejects.toThrow(RangeError)
    expect(machine.server.completions).toHaveLength(1)
  })
})
