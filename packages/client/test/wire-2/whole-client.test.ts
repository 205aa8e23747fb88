import { attestationPolicy } from '@nomyo/attest'
import { faults } from '@nomyo/testkit'
import { expectCode } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { connect, hello, newClient, newGateway } from '../sealed-exchange/support.js'
import {
  completeOnce,
  newSession,
  newStepClient,
  sealedEcho,
  startTestServer,
  testKey,
} from '../support.js'
import { memoryStore } from './support.js'

const HASH = 'ab'.repeat(32)

/** A gateway of wire 1 whose answers say what the test wants about wire 2. */
async function startTelling(wire: unknown) {
  const server = await startTestServer()
  server.answer = async (seen, response) => {
    const metadata = { payload_id: seen.headers['x-payload-id'], wire }
    response.end(await sealedEcho(seen, server.serverKey, metadata))
  }
  return server
}

/** A log that keeps warnings about wire 2. */
function warnings() {
  const texts: string[] = []
  const warn = (text: string): void => {
    if (text.includes('wire 2')) texts.push(text)
  }
  return { texts, logger: { warn } }
}

describe('a whole client', () => {
  it('tells its wire, the reason and the key, without an API key', async () => {
    const { gateway, client } = await connect({ apiKey: 'a-key-of-sixteen-characters' })
    const { identity } = gateway
    expect(await client.chooseWire()).toMatchObject({
      wire: 2,
      reason: 'unverified',
      fingerprint: identity,
      statement: { identities: [identity] },
      kem: { name: 'MLKEM768-X25519' },
    })
    const { fingerprint: rsa } = (await testKey('server')).publicKey
    expect(await newClient(gateway, { wire: 1 }).chooseWire()).toEqual({
      wire: 1,
      reason: 'configured',
      fingerprint: rsa,
    })
    gateway.statementFetch(faults.status(404))
    expect(await newClient(gateway).chooseWire()).toEqual({
      wire: 1,
      reason: 'not-offered',
      fingerprint: rsa,
    })
    expect(gateway.requests).toEqual([])
  })

  it('tells nothing about a gateway that must not be trusted', async () => {
    const { gateway } = await connect()
    gateway.statementFetch(faults.otherIdentity())
    const options = { serverKeyPins: [String(gateway.identity)] }
    await expectCode(newClient(gateway, options).chooseWire(), 'ERR_KEY_MISMATCH')
    const changed = { wire: 1, knownServers: memoryStore([{ fingerprint: 'sha256/x' }]) } as const
    await expectCode(newClient(gateway, changed).chooseWire(), 'ERR_SERVER_KEY_CHANGED')
    const policy = attestationPolicy({ requiredPcrs: 'sha256:0', trust: 'none' })
    for (const wire of [1, 2] as const) {
      const attested = newClient(gateway, { wire, attestation: { policy } })
      await expectCode(attested.chooseWire(), 'ERR_ATTESTATION_FAILED')
    }
    const client = newClient(gateway)
    await expectCode(client.chooseWire({ other: 1 } as never), 'ERR_INVALID_OPTION')
    client.dispose()
    await expectCode(client.chooseWire(), 'ERR_KEY_DISPOSED')
  })

  it.each([
    ['a forged statement', faults.forgedStatement(), 'ERR_STATEMENT_INVALID'],
    ['an expired statement', faults.expiredStatement(), 'ERR_STATEMENT_EXPIRED'],
    ['status 500', faults.status(500), 'ERR_SERVER'],
    ['status 403', faults.status(403), 'ERR_FORBIDDEN'],
    ['a redirect', faults.redirect('/elsewhere'), 'ERR_UNEXPECTED_STATUS'],
    ['a page', faults.html(), 'ERR_STATEMENT_INVALID'],
    ['half a document', faults.truncated(), 'ERR_NETWORK'],
    ['a flood', faults.oversized(), 'ERR_RESPONSE_TOO_LARGE'],
  ])('sends nothing after %s', async (_, fault, code) => {
    const { gateway, client } = await connect()
    gateway.statementFetch(fault)
    await expectCode(client.create(hello), code)
    expect(gateway.requests).toEqual([])
  })

  it('is not talked down once it knew better, and neither is the next one with its memory', async () => {
    const gateway = await newGateway()
    const knownServers = memoryStore()
    const completion = await newClient(gateway, { knownServers }).create(hello)
    expect(completion._metadata).toMatchObject({ wire: { version: 2 } })
    gateway.statementFetch(faults.status(404))
    const next = newClient(gateway, { knownServers })
    await expectCode(next.create(hello), 'ERR_WIRE_DOWNGRADE')
    expect(gateway.requests).toHaveLength(1)
  })

  it('stops at an answer on wire 1 that says wire 2 is there, and sends nothing more', async () => {
    const server = await startTelling({ min: '1.0', statement_sha256: HASH })
    const ask = await newSession({ baseUrl: server.url })
    await expectCode(ask(), 'ERR_WIRE_DOWNGRADE')
    expect(server.completions).toHaveLength(1)
    await expectCode(ask(), 'ERR_WIRE_DOWNGRADE')
    expect(server.completions).toHaveLength(1)
  })

  it.each([undefined, null, 'x', [], {}, { min: '1.0' }, { statement_sha256: 1 }])(
    'takes %j in such an answer for nothing',
    async (wire) => {
      const server = await startTelling(wire)
      const { texts, logger } = warnings()
      await completeOnce({ baseUrl: server.url, logger })
      await completeOnce({ baseUrl: server.url, wire: 1, logger })
      expect(texts).toEqual([])
    },
  )

  it('of wire 1 asks nothing, and warns once', async () => {
    const { url } = await startTelling({ min: '1.0', statement_sha256: HASH })
    const { texts, logger } = warnings()
    const ask = await newSession({ baseUrl: url, wire: 1, logger })
    await ask()
    await ask()
    expect(texts).toHaveLength(1)
  })

  it('of single steps warns, because its caller chose wire 1', async () => {
    const server = await startTelling({ min: '1.0', statement_sha256: HASH })
    const { texts, logger } = warnings()
    const client = newStepClient(server, { logger })
    const envelope = await client.encryptPayload(hello)
    const headers = {
      'x-public-key': encodeURIComponent(await client.publicKey()),
      'x-payload-id': 'id',
    }
    const body = await sealedEcho({ headers, body: envelope }, server.serverKey, {
      payload_id: 'id',
      wire: { min: '1.0', statement_sha256: HASH },
    })
    const completion = await client.decryptResponse(body, 'id')
    expect(completion.choices[0].message.content).toBe('Hello!')
    expect(texts).toHaveLength(1)
  })
})
