import { fastify } from 'fastify'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { isInstalled, makeSwtpm, startGateway, stopAfterTest } from '@nomyo-internal/testing'
import { silentLogger } from '../src/observability/log.js'
import { TpmAttestor } from '../src/attestation/tpm-attestor.js'
import type { TpmConfig } from '../src/config/config.js'
import { createGateway, type Gateway } from '../src/gateway.js'
import { get, refusalOf } from './support.js'
import { askForAttestation, attestationIn, evidenceOfAnswer } from './tpm/evidence.js'
import { startLineTo, type Line } from './tpm/line.js'

const NONE = { is_available: false }
const SOME = { is_available: true }
/** The first attempts to have a TPM back come after 1, 2 and 4 seconds. */
const SOON = { timeout: 20_000, interval: 250 }

const silentLog = fastify({ logger: false }).log

describe.skipIf(!isInstalled('swtpm'))('a TPM that is slow or falls silent', () => {
  const swtpm = makeSwtpm()
  beforeAll(() => swtpm.start())
  afterAll(() => swtpm.stop())

  async function testLine(): Promise<Line> {
    const line = await startLineTo(swtpm.address)
    onTestFinished(() => line.close())
    return line
  }

  const tpmOn = ({ address }: Line, timeoutMs: number, pcrs = 'sha256:0,7,10'): TpmConfig => {
    return { address, pcrs, ak: { mode: 'persistent' }, required: false, timeoutMs }
  }

  const gatewayOn = async (line: Line, timeoutMs: number): Promise<Gateway> =>
    stopAfterTest(await startGateway(createGateway, { tpm: tpmOn(line, timeoutMs) }))

  async function attestorOn(line: Line, timeoutMs: number): Promise<TpmAttestor> {
    const attestor = new TpmAttestor(tpmOn(line, timeoutMs, 'sha256:0'), silentLogger)
    onTestFinished(() => attestor.close())
    await attestor.start(silentLog)
    return attestor
  }

  async function timed<T>(promise: Promise<T>): Promise<{ value: T; ms: number }> {
    const start = performance.now()
    const value = await promise
    return { value, ms: performance.now() - start }
  }

  it('delays answers once and within bounds, and nothing else', async () => {
    const line = await testLine()
    const gateway = await gatewayOn(line, 1500)
    line.silent = true
    const answer = timed(evidenceOfAnswer(gateway))
    const attestation = timed(askForAttestation(gateway))
    for (const path of ['/health', '/pki/public_key']) {
      const { value, ms } = await timed(get(gateway, path))
      expect(value.status).toBe(200)
      expect(ms).toBeLessThan(1000)
    }
    expect((await answer).value).toEqual(NONE)
    expect((await answer).ms).toBeGreaterThan(1400)
    expect((await answer).ms).toBeLessThan(4000)
    expect(attestationIn((await attestation).value).tpm_attestation).toEqual(NONE)

    // From now on no request waits for it.
    const next = await timed(evidenceOfAnswer(gateway))
    expect(next.value).toEqual(NONE)
    expect(next.ms).toBeLessThan(1000)

    line.silent = false
    await expect.poll(() => evidenceOfAnswer(gateway), SOON).toMatchObject(SOME)
  })

  it('does not keep the gateway from stopping', async () => {
    const line = await testLine()
    const gateway = await gatewayOn(line, 1000)
    const before = line.commands
    line.silent = true
    const answer = evidenceOfAnswer(gateway)
    await expect.poll(() => line.commands).toBeGreaterThan(before)
    expect((await timed(gateway.close())).ms).toBeLessThan(5000)
    expect(await answer).toEqual(NONE)
  })

  it('bounds the number of waiting callers, and answers keep their evidence', async () => {
    const line = await testLine()
    const gateway = await gatewayOn(line, 10_000)
    line.delayMs = 800
    const strangers = Array.from({ length: 24 }, (_, i) =>
      timed(askForAttestation(gateway, undefined, { from: `127.0.1.${1 + (i % 8)}` })),
    )
    const answer = timed(evidenceOfAnswer(gateway))
    const outcomes = await Promise.all(strangers)
    const refused = outcomes.filter(({ value }) => value.status === 503)
    expect(refused).toHaveLength(20)
    for (const { value, ms } of refused) {
      refusalOf(value)
      expect(Number(value.headers.get('retry-after'))).toBeGreaterThan(0)
      // A quote takes 1600 ms here: they waited for none.
      expect(ms).toBeLessThan(1500)
    }
    for (const { value } of outcomes.filter(({ value }) => value.status !== 503)) {
      expect(attestationIn(value).tpm_attestation).toMatchObject(SOME)
    }
    // Four strangers at most were quoted before it.
    expect((await answer).value).toMatchObject(SOME)
    expect((await answer).ms).toBeLessThan(5 * 1600 + 1500)
    // The places are free again.
    line.delayMs = 0
    expect((await askForAttestation(gateway)).status).toBe(200)
  })

  it('stays in use after too many requests at once', async () => {
    const line = await testLine()
    const attestor = await attestorOn(line, 1000)
    line.delayMs = 100
    const wanted = Array.from({ length: 40 }, () => attestor.attest(new Uint8Array(32)))
    const outcomes = await Promise.all(wanted)
    const quoted = outcomes.filter((outcome) => outcome.is_available)
    expect(quoted.length).toBeGreaterThan(0)
    expect(quoted.length).toBeLessThan(40)
    line.delayMs = 0
    expect(await attestor.attest(new Uint8Array(32))).toMatchObject(SOME)
  })

  it('is asked by a timer and not by requests, with a bounded queue', async () => {
    const line = await testLine()
    const attestor = await attestorOn(line, 300)
    const before = line.commands
    line.silent = true
    const end = performance.now() + 4500
    let rounds = 0
    while (performance.now() < end) {
      const wanted = Array.from({ length: 500 }, () => attestor.attest(new Uint8Array(32)))
      const { value, ms } = await timed(Promise.all(wanted))
      expect(value.every((outcome) => !outcome.is_available)).toBe(true)
      expect(ms).toBeLessThan(2000)
      await new Promise((resolve) => setTimeout(resolve, 20))
      rounds++
    }
    expect(rounds).toBeGreaterThan(10)
    // One command of the first round, one a second later, one two seconds after that.
    expect(line.commands - before).toBe(3)
    expect(line.open).toBeLessThanOrEqual(1)
  })
})
