import { describe, expect, it, onTestFinished } from 'vitest'
import {
  expectAlive,
  failureOf,
  refusalOf,
  runCommand,
  testGateway,
  testKeyDir,
  type CommandRun,
} from './support.js'
import { askForAttestation, attestationIn, evidenceOfAnswer } from './tpm/evidence.js'
import { startFakeTpm } from './tpm/line.js'

const NONE = { is_available: false }
const DEMO = ['--engine', 'demo']

async function fakeTpm(answer: Uint8Array): Promise<string> {
  const line = await startFakeTpm(answer)
  onTestFinished(() => line.close())
  return line.address
}

/** A gateway that should not start, and how it ended. */
const failedStart = (...args: string[]): Promise<CommandRun> =>
  runCommand([...DEMO, '--port', '0', '--key-dir', testKeyDir(), ...args])

describe.each([
  ['that is not there', 'tcp://127.0.0.1:1', 'ERR_TPM_UNREACHABLE'],
  ['that is no device', '/dev/null', 'ERR_TPM_RESPONSE'],
  [
    'that speaks HTTP',
    new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n\r\n'),
    'ERR_TPM_RESPONSE',
  ],
  ['that talks for ever', new Uint8Array(1 << 20).fill(0x80), 'ERR_TPM_RESPONSE'],
  // TPM_RC_FAILURE: needs a reset of the machine.
  ['that has failed', Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 1, 1), 'ERR_TPM_COMMAND'],
] as const)('a TPM %s', (_what, tpm, code) => {
  const address = (): string | Promise<string> => (typeof tpm === 'string' ? tpm : fakeTpm(tpm))

  it('leaves a gateway without evidence', async () => {
    const gateway = await testGateway({ args: [...DEMO, '--tpm', await address()] })
    expect(gateway.log()).toContain(`(${code})`)
    expect(await evidenceOfAnswer(gateway)).toEqual(NONE)
    expect(attestationIn(await askForAttestation(gateway)).tpm_attestation).toEqual(NONE)
    await expectAlive(gateway)
  })

  it('does not let one start that requires evidence', async () => {
    const failure = failureOf(await failedStart('--tpm', await address(), '--tpm-required'))
    expect(failure).toContain('--tpm-required')
    expect(failure).toContain(`(${code})`)
  })
})

it('a missing TPM is distinguished from one that fails', async () => {
  const gateway = await testGateway()
  expect(await evidenceOfAnswer(gateway)).toEqual(NONE)
  // More often than a TPM would be asked: clients may look for the route before each request.
  for (let i = 0; i < 70; i++) {
    const answer = await askForAttestation(gateway)
    refusalOf(answer, 404)
    expect(answer.headers.get('cache-control')).toBe('no-store')
  }
})
