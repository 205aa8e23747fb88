import { describe, expect, it } from 'vitest'
import { attestationPolicy, keyBindingExtraData, payloadIdExtraData, pinnedAk } from '@nomyo/attest'
import { PCR_VALUES, forgeKey, forgeQuote, forgedName } from '@nomyo-internal/testing/vectors/forge'
import { expectCode } from '@nomyo-internal/testing'
import type { ServerKeyEvent } from '../src/index.js'
import {
  connect,
  newSession,
  newStepClient,
  sealedEcho,
  startTestServer,
  testKey,
} from './support.js'

const KEY = forgeKey()
const policy = attestationPolicy({
  requiredPcrs: 'sha256:0,7,10',
  referenceValues: PCR_VALUES,
  trust: [pinnedAk(Buffer.from(forgedName(KEY), 'hex'))],
})

/** A store that shows what it holds, and the events of the client. */
function memory() {
  const known: string[] = []
  const events: ServerKeyEvent['type'][] = []
  return {
    known,
    events,
    options: {
      knownServers: {
        fingerprintsOf: () => Promise.resolve([...known]),
        add: (_server: string, fingerprint: string) =>
          Promise.resolve(void known.push(fingerprint)),
      },
      onServerKey: ({ type }: ServerKeyEvent) => void events.push(type),
    },
  }
}

/** Starts a server with evidence for its key and its answers; each signed by this key or by another. */
async function startMachine(signers: { key: boolean; answer: boolean }) {
  const server = await startTestServer()
  const other = forgeKey()
  const evidence = (extraData: Uint8Array, isTrusted: boolean) => ({
    tpm_attestation: forgeQuote(extraData, { key: isTrusted ? KEY : other }),
  })
  server.answerAttestation = async (nonce, response) => {
    const { pem, spkiDer: spki } = server.serverKey.publicKey
    const extraData = await keyBindingExtraData({ nonce: Buffer.from(nonce, 'base64url'), spki })
    response.end(JSON.stringify({ public_key: pem, ...evidence(extraData, signers.key) }))
  }
  server.answer = async (seen, response) => {
    const extraData = await payloadIdExtraData(String(seen.headers['x-payload-id']))
    response.end(await sealedEcho(seen, server.serverKey, evidence(extraData, signers.answer)))
  }
  return server
}

describe('the first use of a server key', () => {
  it('is recorded after the machine has endorsed the key', async () => {
    const server = await startMachine({ key: true, answer: true })
    const { known, events, options } = memory()
    const ask = await newSession({ baseUrl: server.url, attestation: { policy }, ...options })
    await ask()
    expect(known).toEqual([server.serverKey.publicKey.fingerprint])
    expect(events).toEqual(['first-use'])
  })

  it.each(['create', 'encryptPayload', 'fetchServerPublicKey'])(
    'is not recorded for a machine that fails attestation: %s',
    async (method) => {
      const server = await startMachine({ key: false, answer: true })
      const { known, events, options } = memory()
      const all = { attestation: { policy }, ...options }
      const client = newStepClient(server, all)
      const ask = await newSession({ baseUrl: server.url, ...all })
      const work = {
        create: () => ask(),
        encryptPayload: () => client.encryptPayload({ model: 'm' }),
        fetchServerPublicKey: () => client.fetchServerPublicKey(),
      }[method]!
      await expectCode(work(), 'ERR_ATTESTATION_FAILED')
      await expectCode(work(), 'ERR_ATTESTATION_FAILED')
      expect([known, events, server.completions]).toEqual([[], [], []])
      // Another program, which requires no attestation, must not find it trusted.
      server.serverKey = await testKey('other')
      await (
        await newSession({ baseUrl: server.url, ...options })
      )()
      expect(known).toEqual([server.serverKey.publicKey.fingerprint])
    },
  )

  it.each([true, false])(
    'is recorded after-response where the answer passes (%s), and not before',
    async (passes) => {
      const server = await startMachine({ key: true, answer: passes })
      const { known, options } = memory()
      const { answer } = server
      server.answer = async (seen, response) => {
        expect(known).toEqual([])
        await answer(seen, response)
      }
      const attestation = { policy, when: 'after-response' as const }
      const ask = await newSession({ baseUrl: server.url, attestation, ...options })
      await ask().catch(() => undefined)
      expect(server.completions).toHaveLength(1)
      expect(known).toHaveLength(passes ? 1 : 0)
    },
  )

  it('is not recorded for a key that is not pinned', async () => {
    const { known, options } = memory()
    const { publicKey } = await testKey('other')
    const { ask } = await connect({ serverKeyPins: [publicKey.fingerprint], ...options })
    await expectCode(ask(), 'ERR_WIRE_DOWNGRADE')
    expect(known).toEqual([])
  })

  it('of another key meanwhile stops the request before it is encrypted', async () => {
    const { publicKey } = await testKey('other')
    const { options } = memory()
    const addFirst = () => Promise.resolve([publicKey.fingerprint])
    const knownServers = { ...options.knownServers, addFirst }
    const { server, ask } = await connect({ ...options, knownServers })
    await expectCode(ask(), 'ERR_SERVER_KEY_CHANGED')
    expect(server.completions).toEqual([])
  })

  it.each([undefined, null, 'sha256/x', [undefined], new Map()])(
    'is none where a store returns %j',
    async (known) => {
      const { options } = memory()
      for (const member of ['fingerprintsOf', 'addFirst']) {
        const knownServers = { ...options.knownServers, [member]: () => Promise.resolve(known) }
        const { server, ask } = await connect({ ...options, knownServers })
        await expectCode(ask(), 'ERR_INVALID_OPTION')
        expect(server.completions).toEqual([])
      }
    },
  )

  it('is tried again where it could not be recorded', async () => {
    const { known, options } = memory()
    let failures = 1
    const add = async (server: string, fingerprint: string): Promise<void> => {
      if (failures-- > 0) throw new Error('disk full')
      await options.knownServers.add(server, fingerprint)
    }
    const { ask, server } = await connect({ knownServers: { ...options.knownServers, add } })
    await expect(ask()).rejects.toThrow('disk full')
    expect(server.completions).toEqual([])
    await ask()
    expect(known).toHaveLength(1)
  })
})
