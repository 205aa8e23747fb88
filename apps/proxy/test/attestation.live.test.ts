import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startSwtpm, isInstalled } from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  ask,
  complete,
  refusalCode,
  runGateway,
  runProxy,
  temporaryFolder,
  towards,
  type Run,
} from './support.js'

if (!isInstalled('swtpm')) console.info('attestation over a software TPM skipped: no swtpm')

const OTHER_AK = '000b' + '5a'.repeat(32)

/** A policy that pins this attestation key, in a folder of its own. */
function policy(akName: string): { folder: string; args: string[] } {
  const folder = temporaryFolder()
  writeFileSync(
    join(folder, 'policy.json'),
    JSON.stringify({
      format: 'nomyo-attestation-policy/1',
      requiredPcrs: 'sha256:0,7,10',
      trust: [{ pinnedAk: akName }],
    }),
  )
  return { folder, args: ['--policy', 'policy.json', '--tier', 'warning'] }
}

/** A gateway with a software TPM, and the Name of its attestation key. */
async function startMachine(): Promise<{ url: string; akName: string; gateway: Run }> {
  const tpm = await startSwtpm()
  onTestFinished(() => tpm.stop())
  const gateway = runGateway(['--engine', 'demo', '--tpm', tpm.address, '--tpm-required'])
  onTestFinished(() => void gateway.child.kill('SIGKILL'))
  const url = await gateway.ready()
  const akName = /attestation key (000b[0-9a-f]{64})\b/.exec(gateway.stderr())?.[1] ?? ''
  return { url, akName, gateway }
}

describe.skipIf(!isInstalled('swtpm'))('a gateway with a TPM', () => {
  it('vouches for its key before the proxy listens, and for every answer', async () => {
    const { url: gateway, akName } = await startMachine()
    const { folder, args } = policy(akName)
    const proxy = runProxy([...towards(gateway), ...args], undefined, folder)
    const url = await proxy.ready()
    expect(proxy.stderr()).toMatch(/attestation: warning: the machine vouched.*pinned/)
    const health = async (): Promise<unknown> => JSON.parse((await ask(`${url}/health`)).body)
    expect(await health()).toMatchObject({
      status: 'ok',
      attestation: { tier: 'warning', trust: 'pinned', subject: 'server-key' },
    })
    const answer = await complete({ url })
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.body)).toMatchObject({
      _metadata: { attestation: { tier: 'warning', trust: 'pinned' } },
    })
    expect(await health()).toMatchObject({ attestation: { subject: 'answer' } })
  })

  it('is refused at start with another key than the policy pins, and asked for nothing', async () => {
    const { url: gateway, gateway: run } = await startMachine()
    const { folder, args } = policy(OTHER_AK)
    const { code, stdout, stderr } = await runProxy(
      [...towards(gateway), ...args],
      undefined,
      folder,
    ).ended
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^nomyo-proxy: .*ERR_ATTESTATION_FAILED.*policy/m)
    expect(run.stdout() + run.stderr()).not.toContain('secure_completion')
  })

  it('judged after answers only, is refused then, and health says so', async () => {
    const { url: gateway } = await startMachine()
    const { folder, args } = policy(OTHER_AK)
    const proxy = runProxy(
      [...towards(gateway), ...args, '--attest', 'after-response'],
      undefined,
      folder,
    )
    const url = await proxy.ready()
    expect(proxy.stderr()).toMatch(/attestation: of every answer/)
    const answer = await complete({ url })
    expect(refusalCode(answer, 406)).toBe('ERR_ATTESTATION_FAILED')
    expect(answer.body).not.toContain('Hello!')
    const health = await ask(`${url}/health`)
    expect(health.status).toBe(503)
    expect(JSON.parse(health.body)).toMatchObject({
      status: 'ERR_ATTESTATION_FAILED',
      attestation: { tier: 'contraindicated' },
    })
  })
})
