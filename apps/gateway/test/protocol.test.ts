import { createHash, randomUUID } from 'node:crypto'
import { openJson, publicKeyToHeader, sealJson } from '@nomyo/crypto'
import { headerVectors, keyPem, requestVectors } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import {
  chat,
  clientKeys,
  complete,
  completionHead,
  completionOf,
  contentOf,
  expectAlive,
  fileGateway,
  parseRawAnswer,
  post,
  rawExchange,
  refusalOf,
  send,
  serverKeys,
  testGatewayProcess,
  type Answer,
} from './support.js'

const gateway = await fileGateway()

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

describe('the server key', () => {
  it('is the PEM of the key folder', async () => {
    const response = await fetch(`${gateway.url}/pki/public_key`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/)
    expect(await response.text()).toBe(keyPem('keys/server.public.pem'))
  })

  it('is announced by its fingerprint when the gateway starts', async () => {
    const gateway = await testGatewayProcess()
    expect(gateway.stderr()).toContain(serverKeys.publicKey.fingerprint)
  })
})

describe('an SDK of OpenAI whose base URL is the gateway', () => {
  it.each(['chat/completions', 'responses', 'embeddings'])(
    'learns of /v1/%s that requests must be encrypted',
    async (path) => {
      const response = await fetch(`${gateway.url}/v1/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"model":"m","messages":[]}',
      })
      expect(response.status).toBe(404)
      expect(await response.json()).toMatchObject({
        detail: 'Not Found',
        error: { type: 'invalid_request_error', param: null, code: 'encryption_required' },
      })
    },
  )

  it('learns nothing of paths outside the API', async () => {
    const response = await fetch(`${gateway.url}/nothing`, { method: 'POST' })
    expect([response.status, await response.json()]).toEqual([404, { detail: 'Not Found' }])
  })
})

describe('a recorded request of the reference client', () => {
  const vectors = requestVectors()
  const isChat = ({ value }: { value: unknown }): boolean => isObject(value) && 'messages' in value

  it('is one of 11, of which 8 are chat requests', () => {
    expect(vectors).toHaveLength(11)
    expect(vectors.filter(isChat)).toHaveLength(8)
  })

  it.each(vectors.filter(isChat))('is answered to the key it came with: $name', async (vector) => {
    const payloadId = randomUUID()
    const answer = await post(gateway, vector.body, { 'x-payload-id': payloadId })
    const completion = await completionOf(answer)
    expect(answer.headers.get('content-type')).toBe('application/octet-stream')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(completion.object).toBe('chat.completion')
    expect(completion.model).toBe((vector.value as { model: string }).model)
    expect(completion._metadata).toEqual({
      payload_id: payloadId,
      response_status: 'success',
      security_tier: 'standard',
      model: completion.model,
      memory_protection: expect.objectContaining({ platform: process.platform }),
      cuda_device: expect.objectContaining({ is_available: expect.any(Boolean) }),
      tpm_attestation: { is_available: false },
      wire: { min: '1.0', statement_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    })
  })

  it.each(vectors.filter((vector) => !isChat(vector)))(
    'is refused where it is no chat request: $name',
    async (vector) => {
      refusalOf(await post(gateway, vector.body), 400)
    },
  )
})

describe('an answer', () => {
  it('is an envelope with the time it was made, and no plaintext', async () => {
    const before = Math.floor(Date.now() / 1000)
    const { bytes } = await send(gateway, chat('canary-in-the-answer'))
    expect(new TextDecoder().decode(bytes)).not.toContain('canary')
    const envelope = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
    expect(envelope).toMatchObject({
      version: '1.0',
      algorithm: 'hybrid-aes256-rsa4096',
      key_algorithm: 'RSA-OAEP-SHA256',
      payload_algorithm: 'AES-256-GCM',
    })
    expect(envelope['processed_at']).toBeGreaterThanOrEqual(before)
    expect(envelope['processed_at']).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000))
    await expect(openJson(bytes, serverKeys.privateKey)).rejects.toMatchObject({
      code: 'ERR_DECRYPTION_FAILED',
    })
  })

  it('is never sealed the same way twice', async () => {
    const ask = async (): Promise<Answer> => send(gateway, chat('twice'))
    const answers = await Promise.all([ask(), ask()])
    const [first, second] = await Promise.all(
      answers.map(({ bytes }) => openJson(bytes, clientKeys.privateKey)),
    )
    expect(first?.replayId).not.toBe(second?.replayId)
  })

  it('hides the length of a short text', async () => {
    const lengthFor = async (content: string): Promise<number> =>
      (await send(gateway, chat(content))).bytes.length
    expect(await lengthFor('yes')).toBe(await lengthFor('no'))
  })
})

describe('X-Public-Key', () => {
  const { spkiSha256, vectors } = headerVectors()
  const byName = (name: string) => vectors.find((vector) => vector.name === name)
  const sendWith = (value: string | undefined) =>
    send(gateway, chat('Hello!'), { 'x-public-key': value })

  it('has 22 recorded spellings, of the key of the tests', () => {
    expect(vectors).toHaveLength(22)
    expect(createHash('sha256').update(clientKeys.publicKey.spkiDer).digest('hex')).toBe(spkiSha256)
  })

  it.each([
    ...vectors.filter(({ expect: verdict }) => verdict === 'accept'),
    byName('raw plus signs')!,
  ])('is read as: $name', async ({ value }) => {
    expect(await contentOf(await sendWith(value))).toBe('Hello!')
  })

  it.each([
    ...vectors.filter(({ expect: verdict }) => verdict === 'reject'),
    ...['form encoded', 'two keys', 'e=3'].map((name) => byName(name)!),
  ])('is refused as: $name', async ({ value }) => {
    const answer = await sendWith(value)
    refusalOf(answer, 400)
    await expectAlive(gateway)
  })

  it('covers every recorded spelling', () => {
    const decided = ['raw plus signs', 'form encoded', 'two keys', 'e=3']
    const policies = vectors.filter(({ expect: verdict }) => verdict === 'policy')
    expect(policies.map(({ name }) => name).sort()).toEqual(decided.sort())
  })

  it('writes no private key that was sent by mistake anywhere', async () => {
    const value = byName('private key')!.value
    const answer = await sendWith(value)
    expect(answer.status).toBe(400)
    const body = decodeURIComponent(value).split('\n').slice(1, -2)
    expect(body.length).toBeGreaterThan(10)
    const seen = gateway.log() + new TextDecoder().decode(answer.bytes)
    for (const line of [...body, ...body.map(encodeURIComponent), 'PRIVATE']) {
      expect(seen).not.toContain(line)
    }
  })

  it('must be there', async () => {
    refusalOf(await sendWith(undefined), 400)
  })

  it('beyond any key is refused before it is read', async () => {
    refusalOf(await sendWith('A'.repeat(12_500)), 400)
  })

  it('may hold a smaller key of the client', async () => {
    const header = encodeURIComponent(keyPem('keys/rsa2048.public.pem'))
    expect((await sendWith(header)).status).toBe(200)
  })
})

describe('X-Payload-ID', () => {
  it.each([
    ['a uuid4', '3f2b8f0e-6f0b-4a5e-9d5c-0a1b2c3d4e5f'],
    ['that of nomyo-js 0.1', 'openai-compat-1762419777000-0.8461390846'],
    ['one character', 'x'],
    [
      'every visible character',
      String.fromCharCode(...Array(94).keys()).replace(/[^]/g, (c) =>
        String.fromCharCode(c.charCodeAt(0) + 33),
      ),
    ],
    ['200 characters', 'x'.repeat(200)],
  ])('comes back sealed: %s', async (_what, payloadId) => {
    const completion = await complete(gateway, chat('Hello!'), { 'x-payload-id': payloadId })
    expect(completion._metadata['payload_id']).toBe(payloadId)
  })

  it.each([
    ['missing', undefined],
    ['empty', ''],
    ['201 characters', 'x'.repeat(201)],
    ['10,000 characters', 'x'.repeat(10_000)],
    ['a blank inside', 'a b'],
    ['a tab inside', 'a\tb'],
    ['letters beyond ASCII', 'payl\u00f6ad'],
    ['two in one', 'first, second'],
  ])('is refused: %s', async (_what, payloadId) => {
    refusalOf(await send(gateway, chat('Hello!'), { 'x-payload-id': payloadId }), 400)
  })

  it('is refused when it comes twice', async () => {
    const answer = parseRawAnswer(
      await rawExchange(
        gateway.port,
        completionHead(
          ...['content-length: 2', `x-public-key: ${publicKeyToHeader(clientKeys.publicKey)}`],
          ...['x-payload-id: first', 'x-payload-id: second'],
        ) + '{}',
      ),
    )
    expect(answer.status).toBe(400)
  })
})

describe('X-Security-Tier', () => {
  it.each([
    [undefined, 'standard'],
    ['standard', 'standard'],
    ['high', 'high'],
    ['maximum', 'maximum'],
  ])('%s is answered as %s', async (given, expected) => {
    const headers = given === undefined ? {} : { 'x-security-tier': given }
    const completion = await complete(gateway, chat('Hello!'), headers)
    expect(completion._metadata['security_tier']).toBe(expected)
  })

  it.each(['', 'High', 'low', 'high, high', 'constructor', '__proto__'])(
    '%j is refused',
    async (tier) => {
      refusalOf(await send(gateway, chat('Hello!'), { 'x-security-tier': tier }), 400)
    },
  )
})

describe('a sealed request that is no chat request', () => {
  it.each([
    ['empty', {}],
    ['without a model', { messages: [{ role: 'user' }] }],
    ['with an empty model', { model: '', messages: [{ role: 'user' }] }],
    ['with a model of another type', { model: 7, messages: [{ role: 'user' }] }],
    ['without messages', { model: 'nomyo/echo' }],
    ['with no message', { model: 'nomyo/echo', messages: [] }],
    ['with messages of another type', { model: 'nomyo/echo', messages: { length: 1 } }],
    ['with a message that is null', { model: 'nomyo/echo', messages: [null] }],
    ['with a message that is a text', { model: 'nomyo/echo', messages: ['Hello!'] }],
    ['with a message that is a list', { model: 'nomyo/echo', messages: [[]] }],
    ['with a message without a role', { model: 'nomyo/echo', messages: [{ content: 'x' }] }],
    ['with a role of another type', { model: 'nomyo/echo', messages: [{ role: 1 }] }],
    ['where one message of many is wrong', { model: 'm', messages: [{ role: 'user' }, {}] }],
  ])('is refused: %s', async (_what, request) => {
    refusalOf(await send(gateway, request), 400)
  })

  it('is refused in words that quote nothing of it', async () => {
    const request = { model: 'canary-model', messages: ['canary-message'], canary: 1 }
    expect(refusalOf(await send(gateway, request))).not.toContain('canary')
  })
})

it('serves two clients with keys of their own', async () => {
  const request = await sealJson(chat('Hello!'), serverKeys.publicKey)
  const other = await post(gateway, request, {
    'x-public-key': publicKeyToHeader(serverKeys.publicKey),
  })
  await expect(openJson(other.bytes, clientKeys.privateKey)).rejects.toMatchObject({
    code: 'ERR_DECRYPTION_FAILED',
  })
  expect((await openJson(other.bytes, serverKeys.privateKey)).value).toHaveProperty('choices')
})
