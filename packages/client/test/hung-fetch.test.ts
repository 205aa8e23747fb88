import '@nomyo-internal/testing/vector-keys'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { expectCode } from '@nomyo-internal/testing'
import { attestationPolicy } from '@nomyo/attest'
import { clientKeyDir, connect, hello, newStepClient, startTestServer } from './support.js'

const attestation = { policy: attestationPolicy({ requiredPcrs: 'sha256:0', trust: 'none' }) }

describe('a key fetch that hangs', () => {
  it('is made anew by the next attempt, though others still wait for it', async () => {
    const { server, ask } = await connect({ timeout: 60_000 })
    server.answerKeyFetch = () => undefined
    const stop = new AbortController()
    const patient = ask({}, stop.signal)
    const impatient = new AbortController()
    const first = ask({}, impatient.signal)
    await expect.poll(() => server.keyFetches.length).toBe(1)
    impatient.abort()
    await expectCode(first, 'ERR_ABORTED')
    server.answerKeyFetch = undefined
    await expect(ask()).resolves.toBeDefined()
    expect(server.keyFetches).toHaveLength(2)
    stop.abort()
    await expectCode(patient, 'ERR_ABORTED')
  })

  it('is made anew by a retry', async () => {
    const { server, ask } = await connect({ timeout: 300, maxRetries: 1 })
    server.answerKeyFetch = () => {
      server.answerKeyFetch = undefined
    }
    await expect(ask()).resolves.toBeDefined()
    expect(server.keyFetches).toHaveLength(2)
  })

  it.each(['public_key', 'attestation'])('of %s is dropped with its last caller', async (kind) => {
    const { server, ask } = await connect({ timeout: 60_000, attestation })
    let closed = 0
    let asked = 0
    const hang = (response: { on: (name: 'close', listener: () => void) => unknown }): void => {
      asked++
      response.on('close', () => closed++)
    }
    if (kind === 'public_key') server.answerKeyFetch = hang
    else server.answerAttestation = (_nonce, response) => hang(response)
    const stops = [new AbortController(), new AbortController()]
    const calls = stops.map(({ signal }) => ask({}, signal))
    await expect.poll(() => asked).toBe(1)
    stops[0]?.abort()
    await expectCode(calls[0]!, 'ERR_ABORTED')
    expect(closed).toBe(0)
    stops[1]?.abort()
    await expectCode(calls[1]!, 'ERR_ABORTED')
    await expect.poll(() => closed).toBe(1)
  })
})

it('a store of known servers that hangs is left at the deadline, before anything is sent', async () => {
  const knownServers = {
    fingerprintsOf: () => Promise.resolve([]),
    add: () => new Promise<void>(() => undefined),
  }
  const { server, ask } = await connect({ timeout: 300, knownServers })
  await expectCode(ask(), 'ERR_TIMEOUT')
  expect(server.completions).toEqual([])
})

describe('disposing of a client', () => {
  it.each(['fetchServerPublicKey', 'encryptPayload'] as const)(
    'ends %s with the class of an abort',
    async (method) => {
      const server = await startTestServer()
      const client = newStepClient(server)
      server.answerKeyFetch = () => undefined
      const call =
        method === 'encryptPayload' ? client.encryptPayload({ model: 'm' }) : client[method]()
      await expect.poll(() => server.keyFetches.length).toBe(1)
      client.dispose()
      await expectCode(call, 'ERR_ABORTED')
    },
  )

  it.each(['abort', 'timeout of no step'])('in the last step is not ignored: %s', async (kind) => {
    const stop = new AbortController()
    const { ask } = await connect({
      onReceipt: async () => {
        if (kind === 'abort') stop.abort()
        await new Promise((resolve) => setTimeout(resolve, 20))
      },
    })
    if (kind === 'abort') await expectCode(ask({}, stop.signal), 'ERR_ABORTED')
    else await expect(ask({}, stop.signal)).resolves.toBeDefined()
  })

  it.each(['generateKeys', 'loadKeys'] as const)(
    'ends %s with the class of an abort, too',
    async (method) => {
      const client = newStepClient(await startTestServer())
      const call =
        method === 'loadKeys'
          ? client.loadKeys(join(clientKeyDir, 'private_key.pem'))
          : client[method]()
      client.dispose()
      await expectCode(call, 'ERR_ABORTED')
    },
  )

  it('during decryption is an abort, not a fault of the answer', async () => {
    const server = await startTestServer()
    const client = newStepClient(server, { onReceipt: () => client.dispose() })
    const sent = client.sendSecureRequest(hello, 'p-1')
    await expectCode(sent, 'ERR_ABORTED')
  })
})
