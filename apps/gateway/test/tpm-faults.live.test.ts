import { describe, expect, it, onTestFinished } from 'vitest'
import { isInstalled, makeSwtpm, type Swtpm } from '@nomyo-internal/testing'
import {
  expectAlive,
  get,
  logEntries,
  refusalOf,
  send,
  testGateway,
  testModelServer,
  type Answer,
} from './support.js'
import {
  akNameIn,
  askForAttestation,
  attestationIn,
  evidenceOfAnswer,
  appraiseEvidence,
} from './tpm/evidence.js'
import { metric } from './measure.js'

const NONE = { is_available: false }
const SOME = { is_available: true }
/** The first attempts to have a TPM back come after 1, 2 and 4 seconds. */
const SOON = { timeout: 20_000, interval: 250 }

/** A software TPM for one test, not running yet. */
function testSwtpm(): Swtpm {
  const swtpm = makeSwtpm()
  onTestFinished(() => swtpm.stop())
  return swtpm
}

interface TpmLine {
  readonly level: number
  readonly code?: string
}

/** Log entries about the TPM. */
const tpmLines = (stderr: string): TpmLine[] =>
  logEntries<TpmLine>(stderr).filter(({ code }) => code?.startsWith('ERR_TPM_') === true)

describe.skipIf(!isInstalled('swtpm'))('a TPM that becomes unavailable', () => {
  it('stops the evidence, and restores it when it returns', async () => {
    const swtpm = testSwtpm()
    await swtpm.start()
    const gateway = await testGateway({ args: ['--engine', 'demo', '--tpm', swtpm.address] })
    const akName = akNameIn(gateway.log())
    expect(await evidenceOfAnswer(gateway)).toMatchObject(SOME)

    await swtpm.kill()
    expect(await evidenceOfAnswer(gateway)).toEqual(NONE)
    expect(attestationIn(await askForAttestation(gateway)).tpm_attestation).toEqual(NONE)
    await expect
      .poll(() => tpmLines(gateway.log()), SOON)
      .toContainEqual(expect.objectContaining({ level: 40, code: 'ERR_TPM_UNREACHABLE' }))
    await expectAlive(gateway)

    await swtpm.start()
    await expect.poll(() => evidenceOfAnswer(gateway), SOON).toMatchObject(SOME)
    const nonce = { payloadId: 'back-again'.repeat(2), mode: 'sha256' } as const
    const evidence = await evidenceOfAnswer(gateway, nonce.payloadId)
    expect((await appraiseEvidence(evidence, nonce, akName)).failed).toEqual([])
    // The same key as before is no news.
    expect(gateway.log().match(/attestation key/g)).toHaveLength(1)
  })

  it('stops the answers where evidence is required, without asking a model, and restores them', async () => {
    const swtpm = testSwtpm()
    await swtpm.start()
    const upstream = await testModelServer()
    const gateway = await testGateway({
      args: [
        ...['--upstream', upstream.url, '--metrics-port', '0'],
        ...['--tpm', swtpm.address, '--tpm-required'],
      ],
    })
    const ask = async (): Promise<Answer> => send(gateway)
    expect((await ask()).status).toBe(200)
    expect((await get(gateway, '/ready')).status).toBe(200)
    expect(await metric(gateway, 'nomyo_attestation_failures_total')).toBe(0)
    expect(upstream.seen).toHaveLength(1)

    await swtpm.kill()
    const refused = [await ask(), await askForAttestation(gateway)]
    for (const answer of [...refused, await ask()]) {
      refusalOf(answer, 503)
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect(upstream.seen).toHaveLength(1)
    expect((await get(gateway, '/ready')).status).toBe(503)
    expect(await metric(gateway, 'nomyo_attestation_failures_total')).toBe(3)

    await swtpm.start()
    await expect.poll(async () => (await ask()).status, SOON).toBe(200)
    expect((await get(gateway, '/ready')).status).toBe(200)
    attestationIn(await askForAttestation(gateway))
  })

  it('and is back before the next request goes unnoticed', async () => {
    const swtpm = testSwtpm()
    await swtpm.start()
    const gateway = await testGateway({ args: ['--engine', 'demo', '--tpm', swtpm.address] })
    await swtpm.kill()
    await swtpm.start()
    expect(await evidenceOfAnswer(gateway)).toMatchObject(SOME)
    expect(tpmLines(gateway.log())).toEqual([])
  })
})

describe.skipIf(!isInstalled('swtpm'))('a gateway that starts without its TPM', () => {
  it('answers without evidence, and with it once the TPM is available', async () => {
    const swtpm = testSwtpm()
    const gateway = await testGateway({ args: ['--engine', 'demo', '--tpm', swtpm.address] })
    expect(gateway.log()).toContain('(ERR_TPM_UNREACHABLE)')
    expect(await evidenceOfAnswer(gateway)).toEqual(NONE)
    await swtpm.start()
    await expect.poll(() => evidenceOfAnswer(gateway), SOON).toMatchObject(SOME)
    const nonce = { payloadId: 'x'.repeat(36), mode: 'sha256' } as const
    const evidence = await evidenceOfAnswer(gateway, nonce.payloadId)
    expect((await appraiseEvidence(evidence, nonce, akNameIn(gateway.log()))).failed).toEqual([])
  })
})
