import { attestationPolicy, pinnedAk, type AttestationResult } from '@nomyo/attest'
import { createTpmTransport } from '@nomyo/tpm'
import {
  freePort,
  isInstalled,
  makeKeyDir,
  startSwtpm,
  temporaryFolder,
  expectCode,
  withCode,
} from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { AttestationError, type AttestationEvent } from '../src/index.js'
import { newSession } from './support.js'
// Not a dependency: the gateway depends on this client, by way of its page.
import { createGateway } from '../../../apps/gateway/dist/index.js'

if (!isInstalled('swtpm')) console.info('attestation over a software TPM skipped: no swtpm')

/** A real gateway with a real (software) TPM, which can be stopped for the TPM to be used by others. */
async function startAttestedGateway() {
  const tpm = await startSwtpm()
  onTestFinished(() => tpm.stop())
  const keys = { 'private_key.pem': 'server', 'public_key.pem': 'server.public.pem' }
  const keyDir = makeKeyDir(keys, temporaryFolder())
  const port = await freePort()
  const pcrs = 'sha256:0,7,10'
  const start = () =>
    createGateway({
      host: '127.0.0.1',
      port,
      engine: { kind: 'demo' },
      keyDir,
      maxBodyBytes: 2 ** 20,
      tpm: { address: tpm.address, pcrs, ak: { mode: 'persistent' }, required: true },
      logLevel: 'silent',
    })
  let gateway = await start()
  onTestFinished(() => gateway.close())
  return {
    url: gateway.url,
    /** Extends a PCR the way any software on the machine can. */
    async extendPcr(pcr: number) {
      await gateway.close()
      await pcrExtend(tpm.address, pcr)
      gateway = await start()
    },
    async restartMachine() {
      await gateway.close()
      await tpm.restart()
      gateway = await start()
    },
  }
}

/** A policy that trusts the key of a recorded result. */
const pinning = (
  { claimed }: AttestationResult,
  rules: Partial<Parameters<typeof attestationPolicy>[0]> = {},
) =>
  attestationPolicy({
    requiredPcrs: 'sha256:0,7,10',
    trust: [pinnedAk(Buffer.from(claimed?.akName ?? '', 'hex'))],
    ...rules,
  })

const hello = { model: 'nomyo/echo', messages: [{ role: 'user' as const, content: 'Hello!' }] }

describe.skipIf(!isInstalled('swtpm'))('client, gateway and a software TPM', () => {
  it('affirms a pinned machine in a known state, and refuses it before sending after a change', async () => {
    const machine = await startAttestedGateway()
    const recorded = await record(machine.url)
    expect(recorded).toMatchObject({ tier: 'none', trust: 'unendorsed' })
    const policy = pinning(recorded, { referenceValues: recorded.claimed?.pcrs })
    const seen: string[] = []
    const events: AttestationEvent[] = []
    const ask = await newSession({
      baseUrl: machine.url,
      wire: 1,
      attestation: { policy, interval: 0, onResult: (event) => events.push(event) },
      fetch: (input, init) => {
        seen.push(new URL(input as string).pathname)
        return fetch(input, init)
      },
    })
    const completion = await ask(hello)
    expect(completion._metadata.attestation).toMatchObject({ tier: 'affirming', trust: 'pinned' })
    expect(events.map(({ subject, result }) => `${subject} ${result.tier}`)).toEqual([
      'server-key affirming',
      'answer affirming',
    ])
    expect(events[0]?.result.verified?.hierarchy).toBe('endorsement')

    await machine.extendPcr(7)
    seen.length = 0
    const error: unknown = await ask(hello).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(AttestationError)
    const { result } = error as AttestationError
    expect(result.checks.filter(({ status }) => status === 'fail').map(({ id }) => id)).toEqual([
      'pcr.policy',
    ])
    expect(seen).not.toContain('/v1/chat/secure_completion')
  })

  it('refuses an answer that was given to another request', async () => {
    const machine = await startAttestedGateway()
    const policy = pinning(await record(machine.url))
    // The whole answer to the first request comes again for the second, which has another payload id.
    let first: ArrayBuffer | undefined
    const ask = await newSession({
      baseUrl: machine.url,
      wire: 1,
      attestation: { policy, tier: 'warning', when: 'after-response' },
      fetch: async (input, init) => {
        const response = await fetch(input, init)
        if (init?.method !== 'POST') return response
        first ??= await response.clone().arrayBuffer()
        return new Response(first, response)
      },
    })
    const { _metadata } = await ask(hello)
    expect(_metadata.attestation).toMatchObject({ tier: 'warning', trust: 'pinned' })
    await expectCode(ask(hello), 'ERR_REPLY_REPLAYED')
  })

  it('detects a restart of the machine between attestation and answer', async () => {
    const machine = await startAttestedGateway()
    const attestation = { policy: pinning(await record(machine.url)), tier: 'warning' } as const
    const ask = await newSession({ baseUrl: machine.url, wire: 1, attestation })
    await ask(hello)
    await machine.restartMachine()
    await expect(ask(hello)).rejects.toMatchObject({
      result: {
        checks: expect.arrayContaining([withCode('CLOCK_RESET')]),
      },
    })
    await expect(ask(hello)).resolves.toMatchObject({
      _metadata: { attestation: { tier: 'warning' } },
    })
  })

  it('attests the statement of wire 2, its answers, and a machine that restarted before it is asked again', async () => {
    const machine = await startAttestedGateway()
    const policy = pinning(await record(machine.url))
    const events: AttestationEvent[] = []
    const seen: string[] = []
    const ask = await newSession({
      baseUrl: machine.url,
      wire: 2,
      attestation: { policy, tier: 'warning', onResult: (event) => events.push(event) },
      fetch: (input, init) => {
        seen.push(new URL(input as string).pathname)
        return fetch(input, init)
      },
    })
    const { _metadata: metadata } = await ask(hello)
    expect(metadata.attestation).toMatchObject({ tier: 'warning', trust: 'pinned' })
    expect(events.map(({ subject }) => subject)).toEqual(['server-key', 'answer'])
    expect(events[1]?.payloadId).toBe(metadata.payload_id)

    await machine.restartMachine()
    events.length = seen.length = 0
    await ask(hello)
    // Its request keys are gone, so nothing that it decrypts precedes the new evidence.
    expect(events.map(({ subject }) => subject)).toEqual(['server-key', 'answer'])
    expect(seen).toEqual([EXCHANGE, '/pki/wire2', '/pki/attestation', EXCHANGE])
  })

  it('sends nothing on wire 2 to a machine in another state', async () => {
    const machine = await startAttestedGateway()
    const recorded = await record(machine.url)
    const policy = pinning(recorded, { referenceValues: recorded.claimed?.pcrs })
    await machine.extendPcr(7)
    const seen: string[] = []
    const ask = await newSession({
      baseUrl: machine.url,
      wire: 2,
      attestation: { policy },
      fetch: (input, init) => {
        seen.push(new URL(input as string).pathname)
        return fetch(input, init)
      },
    })
    await expectCode(ask(hello), 'ERR_ATTESTATION_FAILED')
    expect(seen).not.toContain(EXCHANGE)
  })
})

const EXCHANGE = '/.well-known/ohttp-gateway'

/** Records the state of a machine on first contact. */
async function record(url: string) {
  const events: AttestationEvent[] = []
  const ask = await newSession({
    baseUrl: url,
    attestation: {
      policy: attestationPolicy({ requiredPcrs: 'sha256:0,7,10', trust: 'none' }),
      tier: 'none',
      onResult: (event) => events.push(event),
    },
  })
  await ask(hello)
  const [event] = events
  if (event === undefined) throw new Error('no evidence')
  return event.result
}

/** TPM2_PCR_Extend of the SHA-256 bank with a password session (Part 3, 22.2). */
async function pcrExtend(address: string, pcr: number): Promise<void> {
  const transport = createTpmTransport(address)
  const command = Buffer.alloc(65)
  command.writeUInt16BE(0x8002, 0)
  command.writeUInt32BE(command.length, 2)
  command.writeUInt32BE(0x182, 6)
  command.writeUInt32BE(pcr, 10)
  command.writeUInt32BE(9, 14)
  command.writeUInt32BE(0x40000009, 18)
  command.writeUInt32BE(1, 27)
  command.writeUInt16BE(0x000b, 31)
  command.fill(0xee, 33)
  const response = Buffer.from(await transport.transmit(new Uint8Array(command)))
  await transport.close()
  if (response.readUInt32BE(6) !== 0)
    throw new Error(`PCR_Extend: ${response.readUInt32BE(6).toString(16)}`)
}
