import { createHash, randomUUID } from 'node:crypto'
import { parseKeyStatement } from '@nomyo/crypto/wire-2'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { isInstalled, makeSwtpm } from '@nomyo-internal/testing'
import {
  chat,
  clientKeys,
  completionOf,
  get,
  refusalOf,
  send,
  serverKeys,
  startGateway,
  temporaryFile,
  testGateway,
  type Answer,
  type TestGateway,
} from './support.js'
import {
  akNameIn,
  askForAttestation,
  attestationIn,
  evidenceOfAnswer,
  appraiseEvidence,
  newNonce,
  statementEvidenceIn,
} from './tpm/evidence.js'

const ORIGIN = 'https://chat.example'
const spki = serverKeys.publicKey.spkiDer

describe.skipIf(!isInstalled('swtpm'))('a gateway with a TPM', () => {
  const swtpm = makeSwtpm()
  let gateway: TestGateway
  let akName: string

  beforeAll(async () => {
    await swtpm.start()
    gateway = await startGateway({
      args: ['--engine', 'demo', '--tpm', swtpm.address, '--cors-origin', ORIGIN],
    })
    akName = akNameIn(gateway.log())
  })
  afterAll(async () => {
    await gateway.stop()
    await swtpm.stop()
  })

  describe('gives with each answer', () => {
    it('a quote for its payload id, by the key announced', async () => {
      const payloadId = randomUUID()
      const evidence = await evidenceOfAnswer(gateway, payloadId)
      const { failed, result } = await appraiseEvidence(
        evidence,
        { payloadId, mode: 'sha256' },
        akName,
      )
      expect(failed).toEqual([])
      expect(result).toMatchObject({ trust: 'pinned', verified: { akName } })
      expect(Object.keys(result.verified?.pcrs['sha256'] ?? {})).toEqual(['0', '7', '10'])
    })

    it('a quote that is good for no other payload id, and not as its raw bytes', async () => {
      const payloadId = randomUUID()
      const evidence = await evidenceOfAnswer(gateway, payloadId)
      for (const nonce of [
        { payloadId: randomUUID(), mode: 'sha256' },
        { extraData: new TextEncoder().encode(payloadId) },
        { nonce: newNonce(), spki },
      ] as const) {
        expect((await appraiseEvidence(evidence, nonce, akName)).failed).toContain('nonce')
      }
    })

    it('a quote of its own, also when many come at once', async () => {
      const ids = Array.from({ length: 12 }, () => randomUUID())
      const verdicts = ids.map(async (payloadId) => {
        const evidence = await evidenceOfAnswer(gateway, payloadId)
        return (await appraiseEvidence(evidence, { payloadId, mode: 'sha256' }, akName)).failed
      })
      expect(await Promise.all(verdicts)).toEqual(ids.map(() => []))
    })

    it('a quote that does not pass for one of another key', async () => {
      const otherName = `000b${'00'.repeat(32)}`
      const nonce = { payloadId: 'p'.repeat(36), mode: 'sha256' } as const
      const evidence = await evidenceOfAnswer(gateway, nonce.payloadId)
      const { result } = await appraiseEvidence(evidence, nonce, otherName)
      expect(result.trust).toBe('unendorsed')
    })
  })

  describe('attests its key statement', () => {
    const ask = (nonce: Uint8Array, from?: string) =>
      askForAttestation(
        gateway,
        `nonce=${Buffer.from(nonce).toString('base64url')}&wire=2`,
        from === undefined ? {} : { from },
      )

    it('with a quote for the statement that it publishes and this nonce', async () => {
      const nonce = newNonce()
      const { document, tpm_attestation } = statementEvidenceIn(await ask(nonce))
      const published = await get(gateway, '/pki/wire2')
      expect(Buffer.from(document)).toEqual(Buffer.from(published.bytes))
      const { bytes, sha256 } = await parseKeyStatement(document, { now: Date.now() / 1000 })
      const expected = { nonce, statement: bytes }
      const { failed, result } = await appraiseEvidence(tpm_attestation, expected, akName)
      expect(failed).toEqual([])
      expect(result.verified?.boundStatement).toBe(sha256)
    })

    it('and neither for another nonce, nor for another statement, nor for a key', async () => {
      const nonce = newNonce()
      const { document, tpm_attestation } = statementEvidenceIn(await ask(nonce))
      const { bytes } = await parseKeyStatement(document, { now: Date.now() / 1000 })
      for (const expected of [
        { nonce: newNonce(), statement: bytes },
        { nonce, statement: bytes.slice(1) },
        { nonce, spki },
      ]) {
        const { failed } = await appraiseEvidence(tpm_attestation, expected, akName)
        expect(failed).toContain('nonce')
      }
    })

    it.each(['wire=', 'wire=1', 'wire=2.0', 'wire=3', 'wire=2&wire=2'])(
      'for wire 2 only, not for %s',
      async (query) => {
        const nonce = Buffer.from(newNonce()).toString('base64url')
        const from = '127.0.0.6'
        refusalOf(await askForAttestation(gateway, `nonce=${nonce}&${query}`, { from }), 400)
      },
    )

    it('within the limits of the other attestation', async () => {
      const from = '127.0.0.7'
      const statuses = []
      for (let i = 0; i < 60; i++) statuses.push((await ask(newNonce(), from)).status)
      expect(statuses).toEqual(Array(60).fill(200))
      refusalOf(await ask(newNonce(), from), 429)
      refusalOf(await askForAttestation(gateway, newNonce(), { from }), 429)
    })
  })

  describe('attests its server key', () => {
    it('with a quote for this key and this nonce', async () => {
      const nonce = newNonce()
      const { public_key, tpm_attestation } = attestationIn(await askForAttestation(gateway, nonce))
      expect(public_key).toBe(keyPem('keys/server.public.pem'))
      const { failed, result } = await appraiseEvidence(tpm_attestation, { nonce, spki }, akName)
      expect(failed).toEqual([])
      expect(result.verified?.boundKey).toBe(createHash('sha256').update(spki).digest('hex'))
    })

    it('and neither for another nonce nor for another key', async () => {
      const nonce = newNonce()
      const { tpm_attestation } = attestationIn(await askForAttestation(gateway, nonce))
      for (const expected of [
        { nonce: newNonce(), spki },
        { nonce, spki: clientKeys.publicKey.spkiDer },
        { extraData: nonce },
      ]) {
        expect((await appraiseEvidence(tpm_attestation, expected, akName)).failed).toContain(
          'nonce',
        )
      }
    })

    it('readable by web pages of allowed origins only', async () => {
      const answerFor = (origin: string): Promise<Answer> =>
        askForAttestation(gateway, newNonce(), { headers: { origin } })
      const answer = await answerFor(ORIGIN)
      attestationIn(answer)
      expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN)
      const refused = await answerFor('https://stranger.example')
      refusalOf(refused, 403)
      expect(refused.headers.get('access-control-allow-origin')).toBeNull()
    })

    const good = Buffer.from(newNonce()).toString('base64url')
    it.each([
      ['none', ''],
      ['an empty one', 'nonce='],
      ['31 bytes', `nonce=${Buffer.alloc(31, 1).toString('base64url')}`],
      ['33 bytes', `nonce=${Buffer.alloc(33, 1).toString('base64url')}`],
      ['padding', `nonce=${good}%3D`],
      ['the other alphabet', `nonce=${Buffer.alloc(32, 0xff).toString('base64').slice(0, 43)}`],
      ['bits left over', `nonce=${'A'.repeat(42)}B`],
      ['a blank', `nonce=${good}%20`],
      ['two', `nonce=${good}&nonce=${good}`],
      ['another spelling of the name', `Nonce=${good}`],
      ['a list', `nonce[]=${good}`],
      ['8,000 characters', `nonce=${'A'.repeat(8000)}`],
    ])('for a well-formed nonce only, not for %s', async (_what, query) => {
      const headers = { origin: ORIGIN }
      const answer = await askForAttestation(gateway, query, { from: '127.0.0.3', headers })
      refusalOf(answer, 400)
      expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN)
    })

    it('60 times a minute to one address, which may use the other routes nevertheless', async () => {
      const from = '127.0.0.4'
      const statuses = []
      for (let i = 0; i < 60; i++) {
        statuses.push((await askForAttestation(gateway, newNonce(), { from })).status)
      }
      expect(statuses).toEqual(Array(60).fill(200))
      const headers = { origin: ORIGIN }
      const refused = await askForAttestation(gateway, newNonce(), { from, headers })
      refusalOf(refused, 429)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60)
      expect(refused.headers.get('access-control-allow-origin')).toBe(ORIGIN)

      attestationIn(await askForAttestation(gateway, newNonce(), { from: '127.0.0.5' }))
      for (const path of ['/pki/public_key', '/health']) {
        expect((await get(gateway, path, { from })).status).toBe(200)
      }
    })
  })

  it('logs neither nonces nor anything of a quote', async () => {
    const nonce = newNonce()
    const { tpm_attestation } = attestationIn(await askForAttestation(gateway, nonce))
    await expect.poll(() => gateway.log()).toContain('/pki/attestation')
    const { quote_b64 } = tpm_attestation as { quote_b64: string }
    for (const secret of [Buffer.from(nonce).toString('base64url'), quote_b64]) {
      expect(gateway.log()).not.toContain(secret)
    }
  })
})

describe.skipIf(!isInstalled('swtpm'))('the attestation key', () => {
  const swtpm = makeSwtpm()
  beforeAll(() => swtpm.start())
  afterAll(() => swtpm.stop())

  /** The Name of the key of a gateway that runs for this long, checked to be that of its quotes. */
  async function keyOf(...args: string[]): Promise<string> {
    const gateway = await startGateway({
      args: [
        '--engine',
        'demo',
        '--tpm',
        swtpm.address,
        '--api-key',
        'secret-of-these-tests',
        ...args,
      ],
    })
    try {
      const akName = akNameIn(gateway.log())
      const nonce = newNonce()
      // The attestation needs no API key.
      const { tpm_attestation } = attestationIn(await askForAttestation(gateway, nonce))
      expect((await appraiseEvidence(tpm_attestation, { nonce, spki }, akName)).failed).toEqual([])
      return akName
    } finally {
      await gateway.stop()
    }
  }

  it('is the same after a restart, also at a handle of its own', async () => {
    const akName = await keyOf()
    expect(await keyOf('--tpm-ak', 'persistent')).toBe(akName)
    // Same TPM, same template: the same key at another place.
    expect(await keyOf('--tpm-ak', '0x81010002')).toBe(akName)
  })

  it('is another one each time when it is ephemeral', async () => {
    expect(await keyOf('--tpm-ak', 'ephemeral')).not.toBe(await keyOf('--tpm-ak', 'ephemeral'))
  })
})

describe.skipIf(!isInstalled('swtpm'))('a tier that requires attestation', () => {
  it('is served while the TPM quotes and refused without it; others continue', async () => {
    const swtpm = makeSwtpm()
    await swtpm.start()
    onTestFinished(() => swtpm.stop())
    const tiers = { standard: {}, high: { requireAttestation: true } }
    const path = temporaryFile(JSON.stringify({ tpm: swtpm.address, tiers }))
    const tiered = await testGateway({ args: ['--engine', 'demo', '--config', path] })
    const ask = async (tier: string): Promise<Answer> =>
      send(tiered, chat('x'), { 'x-security-tier': tier })
    const { _metadata } = await completionOf(await ask('high'))
    expect(_metadata).toMatchObject({
      security_tier: 'high',
      tpm_attestation: { is_available: true },
    })
    await swtpm.kill()
    const refused = await ask('high')
    refusalOf(refused, 503)
    expect((await ask('standard')).status).toBe(200)
  })
})
