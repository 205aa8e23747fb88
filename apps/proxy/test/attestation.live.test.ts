import { isInstalled, startSwtpm, stopAfterTest } from '@nomyo-internal/testing'
import { Tpm, createQuoter } from '@nomyo/tpm'
import { describe, expect, it } from 'vitest'
import type { Report } from '../src/report/report.js'
import {
  ask,
  argsFor,
  caller,
  complete,
  newGateway,
  policyArgs,
  refusalCode,
  runProxy,
  testProxy,
} from './support.js'
import { startWireTap } from './wire-tap.js'

const WARNING = ['--tier', 'warning']
const OTHER_AK = '000b' + '5a'.repeat(32)

/** Starts a gateway with a software TPM; returns its address and the Name of its attestation key. */
async function startMachine(): Promise<{ url: string; akName: string }> {
  const { address } = stopAfterTest(await startSwtpm())
  const tpm = new Tpm(address)
  const { akName } = await createQuoter({ tpm, pcrs: 'sha256:0' })
  await tpm.close()
  const { url } = stopAfterTest(
    await newGateway({
      tpm: { address, pcrs: 'sha256:0,7,10', ak: { mode: 'persistent' }, required: true },
    }),
  )
  return { url, akName: Buffer.from(akName).toString('hex') }
}

describe.skipIf(!isInstalled('swtpm'))('a gateway with a TPM', () => {
  it('endorses its key before the proxy listens, and with every answer', async () => {
    const { url: gateway, akName } = await startMachine()
    const proxy = await testProxy(gateway, [...policyArgs(akName), ...WARNING])
    const health = async (): Promise<unknown> => JSON.parse((await ask(`${proxy.url}/health`)).body)
    expect(await health()).toMatchObject({
      status: 'ok',
      attestation: { tier: 'warning', trust: 'pinned', subject: 'server-key' },
    })
    const answer = await complete(proxy)
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.body)).toMatchObject({
      _metadata: { attestation: { tier: 'warning', trust: 'pinned' } },
    })
    expect(await health()).toMatchObject({ attestation: { subject: 'answer' } })
    const { status, body } = await ask(`${proxy.url}/nomyo/report`, { headers: caller() })
    expect(status).toBe(200)
    const report = JSON.parse(body) as Report
    expect(report.evidence).toMatchObject({
      required: { tier: 'warning', when: 'before-send' },
      key: { tier: 'warning', trust: 'pinned', verified: { akName } },
      answer: { tier: 'warning', trust: 'pinned', payloadId: expect.any(String) },
    })
    const passed = report.checks.filter(({ status: outcome }) => outcome === 'pass')
    const ids = passed.map(({ id }) => id)
    expect(ids).toEqual(
      expect.arrayContaining(['machine.nonce', 'answer.nonce', 'machine.ak.trust']),
    )
    const limits = report.notVerified.map(({ code }) => code)
    expect(limits).toEqual(expect.arrayContaining(['HARDWARE', 'REFERENCE_VALUES', 'PROGRAMS']))
    expect(limits).not.toContain('MACHINE')
  })

  it('is refused at start where the policy pins another key, and no request is sent', async () => {
    const { url: gateway } = await startMachine()
    const wire = stopAfterTest(await startWireTap(gateway))
    const args = [...argsFor(wire.url), ...policyArgs(OTHER_AK), ...WARNING]
    const { code, stdout, stderr } = await runProxy(args)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/"msg":".*ERR_ATTESTATION_FAILED.*policy/)
    expect(wire.recorded.toGateway).toContain('GET /pki/attestation')
    expect(wire.recorded.toGateway).not.toContain('secure_completion')
  })

  it('appraised with answers only is refused then, and health reports it', async () => {
    const { url: gateway } = await startMachine()
    const args = [...policyArgs(OTHER_AK), ...WARNING, '--attest', 'after-response']
    const proxy = await testProxy(gateway, args)
    expect(proxy.trust.attestation).toBeNull()
    const answer = await complete(proxy)
    expect(refusalCode(answer, 406)).toBe('ERR_ATTESTATION_FAILED')
    expect(answer.body).not.toContain('Hello!')
    const health = await ask(`${proxy.url}/health`)
    expect(health.status).toBe(503)
    expect(JSON.parse(health.body)).toMatchObject({
      status: 'ERR_ATTESTATION_FAILED',
      attestation: { tier: 'contraindicated' },
    })
    const refused = await ask(`${proxy.url}/nomyo/report`, { headers: caller() })
    expect(refused.status).toBe(503)
    expect(JSON.parse(refused.body)).toMatchObject({
      status: 'ERR_ATTESTATION_FAILED',
      evidence: { key: null, answer: { tier: 'contraindicated' } },
    })
  })
})
