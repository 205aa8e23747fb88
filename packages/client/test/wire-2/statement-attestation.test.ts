import { attestationPolicy, pinnedAk, statementExtraData } from '@nomyo/attest'
import { PCR_VALUES, forgeKey, forgeQuote, forgedName } from '@nomyo-internal/testing/vectors/forge'
import { expectCode } from '@nomyo-internal/testing'
import { encodeStatement, parseKeyStatement, signStatement } from '@nomyo/crypto/wire-2'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { AttestationEvent, AttestationOptions } from '../../src/index.js'
import {
  foreign,
  memoryStore,
  ours,
  select,
  startStatementServer,
  status,
  type StatementServer,
} from './support.js'

const MINUTE_MS = 60_000
const EVIDENCE = 'GET /pki/attestation'
const KEY = forgeKey()
const policy = attestationPolicy({
  requiredPcrs: 'sha256:0,7,10',
  referenceValues: PCR_VALUES,
  trust: [pinnedAk(Buffer.from(forgedName(KEY), 'hex'))],
})
const signal = new AbortController().signal

afterEach(() => {
  vi.restoreAllMocks()
})

/** The deviations of the evidence from good one. */
interface Deviation {
  /** The document that comes with the evidence; default: the current one. */
  document?: Uint8Array
  /** The document that the quote is about; default: the one that comes with it. */
  quoted?: Uint8Array
  nonce?: Uint8Array
  key?: typeof KEY
  withoutStatement?: boolean
}

/** Lets a gateway answer with evidence of a TPM, which is a program pinned as if it were one. */
function attest(server: StatementServer, change: Deviation = {}): string[] {
  const queries: string[] = []
  server.answers[EVIDENCE] = async (response, _body, url) => {
    queries.push(url.search)
    const document = change.document ?? (await server.document())
    const { bytes: statement } = await parseKeyStatement(change.quoted ?? document, {
      now: Date.now() / 1000,
    })
    const nonce = change.nonce ?? Buffer.from(url.searchParams.get('nonce') ?? '', 'base64url')
    const extraData = await statementExtraData({ nonce, statement })
    const members = JSON.parse(Buffer.from(document).toString()) as Record<string, unknown>
    response.end(
      JSON.stringify({
        ...(change.withoutStatement === true ? {} : members),
        tpm_attestation: forgeQuote(extraData, { key: change.key ?? KEY }),
      }),
    )
  }
  return queries
}

/** A signed statement beside the current one. */
async function otherDocument(server: StatementServer, signer = ours): Promise<Uint8Array> {
  const current = await parseKeyStatement(await server.document(), { now: Date.now() / 1000 })
  const content = { ...current, maxChunk: 20_000, identities: [signer.fingerprint] }
  return signStatement(encodeStatement(content), [signer])
}

function selectAttested(
  server: StatementServer,
  options: Partial<AttestationOptions> = {},
  others: Parameters<typeof select>[1] = {},
) {
  const results: AttestationEvent[] = []
  const attestation = { policy, onResult: (event: AttestationEvent) => results.push(event) }
  return { ...select(server, { attestation: { ...attestation, ...options }, ...others }), results }
}

describe('the attestation of a statement', () => {
  it('allows the very statement that comes with the evidence, under a fresh nonce', async () => {
    const server = await startStatementServer()
    const queries = attest(server)
    const { choose, results } = selectAttested(server)
    const choice = await choose()
    expect(choice).toMatchObject({
      wire: 2,
      reason: 'attested',
      attested: { statementEvidence: { nonce: expect.any(Uint8Array) as Uint8Array } },
    })
    expect(results).toMatchObject([{ subject: 'server-key', result: { tier: 'affirming' } }])
    await selectAttested(server).choose()
    expect(queries).toHaveLength(2)
    expect(new Set(queries).size).toBe(2)
    expect(queries.every((query) => /^\?nonce=[\w-]{43}&wire=2$/.test(query))).toBe(true)
  })

  it('uses the statement of the evidence, not the one fetched before', async () => {
    const server = await startStatementServer()
    attest(server, { document: await otherDocument(server) })
    expect(await selectAttested(server).choose()).toMatchObject({ statement: { maxChunk: 20_000 } })
  })

  it('checks the identity of that statement, too', async () => {
    const server = await startStatementServer()
    attest(server, { document: await otherDocument(server, foreign) })
    const pins = { serverKeyPins: [ours.fingerprint] }
    await expectCode(selectAttested(server, {}, pins).choose(), 'ERR_KEY_MISMATCH')
  })

  it.each<[string, (server: StatementServer) => Promise<Deviation>]>([
    ['about another statement', async (server) => ({ quoted: await otherDocument(server) })],
    ['under another nonce', () => Promise.resolve({ nonce: new Uint8Array(32) })],
    ['of another machine', () => Promise.resolve({ key: forgeKey() })],
  ])('is refused with evidence %s', async (_, deviation) => {
    const server = await startStatementServer()
    attest(server, await deviation(server))
    const knownServers = memoryStore()
    const { choose, results } = selectAttested(server, {}, { knownServers })
    await expectCode(choose(), 'ERR_ATTESTATION_FAILED')
    expect(results).toHaveLength(1)
    expect(knownServers.known).toEqual([])
  })

  it('is a downgrade where the statement was taken out', async () => {
    const server = await startStatementServer()
    attest(server, { withoutStatement: true })
    await expectCode(selectAttested(server).choose(), 'ERR_WIRE_DOWNGRADE')
  })

  it('says nothing about the signer of a statement that names none', async () => {
    const server = await startStatementServer()
    const { statement } = JSON.parse(Buffer.from(await server.document()).toString()) as {
      statement: string
    }
    const { identities: _, ...others } = JSON.parse(
      Buffer.from(statement, 'base64').toString(),
    ) as Record<string, unknown>
    const document = await signStatement(Buffer.from(JSON.stringify(others)), [ours])
    server.answers['GET /pki/wire2'] = (response) => response.end(document)
    attest(server, { document })
    await expectCode(selectAttested(server).choose(), 'ERR_STATEMENT_INVALID')
    const pins = { serverKeyPins: [ours.fingerprint] }
    expect(await selectAttested(server, {}, pins).choose()).toMatchObject({ reason: 'pinned' })
  })

  it.each([404, 405, 501])('is refused as without evidence at status %i', async (code) => {
    const server = await startStatementServer()
    server.answers[EVIDENCE] = status(code)
    await expectCode(selectAttested(server).choose(), 'ERR_ATTESTATION_FAILED')
  })

  it.each([
    [403, 'ERR_FORBIDDEN'],
    [503, 'ERR_UNAVAILABLE'],
    [302, 'ERR_UNEXPECTED_STATUS'],
  ])('fails at status %i', async (code, expected) => {
    const server = await startStatementServer()
    server.answers[EVIDENCE] = status(code)
    await expectCode(selectAttested(server).choose(), expected)
  })

  it('is not asked for where the pins refuse the identity', async () => {
    const server = await startStatementServer()
    const queries = attest(server)
    const pins = { serverKeyPins: [foreign.fingerprint] }
    await expectCode(selectAttested(server, {}, pins).choose(), 'ERR_KEY_MISMATCH')
    expect(queries).toEqual([])
  })

  it('is renewed after its interval, and after evidence in an answer was refused', async () => {
    const server = await startStatementServer()
    const queries = attest(server)
    const { choose, attestation } = selectAttested(server, { interval: 5 * MINUTE_MS })
    await choose()
    await choose()
    expect(queries).toHaveLength(1)
    const now = performance.now()
    vi.spyOn(performance, 'now').mockReturnValue(now + 5 * MINUTE_MS)
    await choose()
    expect(queries).toHaveLength(2)
    attestation?.forget()
    await choose()
    await choose()
    expect(queries).toHaveLength(3)
  })

  it('is made once for every request where its interval is zero', async () => {
    const server = await startStatementServer()
    const queries = attest(server)
    const { choose } = selectAttested(server, { interval: 0 })
    for (const times of [1, 2, 3]) {
      await choose()
      expect(queries).toHaveLength(times)
    }
  })

  it('comes before the record of a first use, and with answers alone after them', async () => {
    const server = await startStatementServer()
    const queries = attest(server)
    const knownServers = memoryStore()
    const before = selectAttested(server, {}, { knownServers })
    await before.choose()
    expect(knownServers.known).toHaveLength(2)
    const later = memoryStore()
    const after = selectAttested(server, { when: 'after-response' }, { knownServers: later })
    const choice = await after.choose()
    expect(choice).toMatchObject({ reason: 'first-use', attested: undefined })
    expect(queries).toHaveLength(1)
    expect(later.known).toEqual([])
    await after.selection.accept(choice, signal)
    await after.selection.accept(choice, signal)
    expect(later.known).toHaveLength(2)
    expect(after.events.map(({ type }) => type)).toEqual(['first-use'])
  })

  it('is recorded for an answer that arrives when the next statement cannot be fetched', async () => {
    const server = await startStatementServer()
    const knownServers = memoryStore()
    const options = { knownServers }
    const { choose, selection } = selectAttested(server, { when: 'after-response' }, options)
    const choice = await choose()
    server.answers['GET /pki/wire2'] = status(503)
    const used = choice.wire === 2 ? choice.statement.sha256 : ''
    await expectCode(selection.renew(used, signal), 'ERR_UNAVAILABLE')
    await selection.accept(choice, signal)
    expect(knownServers.known).toHaveLength(2)
  })
})
