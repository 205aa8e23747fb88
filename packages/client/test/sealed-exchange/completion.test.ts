import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseReceipt, type Receipt } from '@nomyo/attest/receipt'
import type * as Crypto from '@nomyo/crypto'
import { MEDIA_TYPES, encodeRequest } from '@nomyo/crypto/wire-2'
import { faults } from '@nomyo/testkit'
import { expectCode } from '@nomyo-internal/testing'
import { describe, expect, it, vi } from 'vitest'
import type { CompletionStep } from '../../src/index.js'
import { connect, failureOf, hello, newClient, newGateway } from './support.js'

const generated = vi.hoisted(() => vi.fn())
vi.mock(import('@nomyo/crypto'), async (original) => {
  const real: typeof Crypto = await original()
  return {
    ...real,
    generateKeyPair: (options) => {
      generated()
      return real.generateKeyPair(options)
    },
  }
})

const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/

describe('a completion on wire 2', () => {
  it('is answered, and its metadata tells the wire', async () => {
    const { client, gateway } = await connect()
    const completion = await client.create(hello)
    expect(completion.choices[0].message.content).toBe('Hello!')
    expect(gateway.requests.map(({ wire }) => wire)).toEqual([2])
    const { _metadata: metadata } = completion
    expect(metadata).toMatchObject({
      is_encrypted: true,
      encryption_algorithm: 'OHTTP MLKEM768-X25519 HKDF-SHA256 AES-256-GCM',
      payload_id: gateway.requests[0]?.sealedHeaders['idempotency-key'],
      wire: { version: 2, statement_sha256: expect.stringMatching(/^[\da-f]{64}$/) },
    })
    const { processed_at: processedAt } = metadata
    expect(Math.abs(Number(processedAt) - Date.now() / 1000)).toBeLessThan(60)
  })

  it('encrypts its fields in their order, and sends nothing else outside', async () => {
    const { client, gateway } = await connect({
      apiKey: 'secret-key',
      defaultHeaders: { 'accept-language': ' de ', 'x-cdn-token': 'token' },
    })
    const headers = { 'openai-beta': 'assistants=v2' }
    await client.create({ ...hello, security_tier: 'high' }, { headers })
    const [request] = gateway.requests
    expect(Object.entries(request!.sealedHeaders)).toEqual([
      ['date', expect.stringMatching(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/)],
      ['authorization', 'Bearer secret-key'],
      ['x-security-tier', 'high'],
      ['idempotency-key', expect.stringMatching(UUID)],
      ['content-type', 'application/json'],
      ['accept', 'application/json'],
      ['openai-beta', 'assistants=v2'],
      ['accept-language', 'de'],
    ])
    const { host, connection, ...outer } = request!.headers
    expect(outer).toEqual({
      'content-type': MEDIA_TYPES.request,
      accept: MEDIA_TYPES.answer,
      incremental: '?1',
      'x-cdn-token': 'token',
      'accept-encoding': 'identity',
      'content-length': String(request!.envelope.length),
    })
    expect(host).toBe(new URL(gateway.url).host)
    expect(connection).toBe('keep-alive')
    expect(Buffer.from(request!.envelope).includes('secret')).toBe(false)
  })

  it.each(['padme', 'none'] as const)('hides its length, once: padding %s', async (padding) => {
    const { client, gateway } = await connect({ padding })
    const sizes: number[] = []
    for (const length of [10, 100, 2000, 2010]) {
      await client.create({ ...hello, messages: [{ role: 'user', content: 'x'.repeat(length) }] })
      sizes.push(gateway.requests.at(-1)!.envelope.length)
    }
    expect(sizes[0]).toBe(sizes[1])
    expect(sizes[2]).toBe(sizes[3])
    // What the content alone takes, padded once.
    const request = gateway.requests.at(-1)!
    const message = encodeRequest({
      method: 'POST',
      scheme: 'https',
      authority: new URL(gateway.url).host,
      path: '/v1/chat/completions',
      fields: Object.entries(request.sealedHeaders),
      content: new TextEncoder().encode(JSON.stringify(request.request)),
    })
    // The key id and the suite, the encapsulated secret, the mark of the end and a tag.
    expect(request.envelope.length).toBe(message.length + 7 + 1120 + 1 + 16)
  })

  it('names its call by the same key in all attempts, and a new one in the next call', async () => {
    const { client, gateway } = await connect({ maxRetries: 2 })
    gateway.next(faults.status(503, { retryAfterMs: 0 }), faults.status(429, { retryAfterMs: 0 }))
    await client.create(hello)
    await client.create(hello)
    const keys = gateway.requests.map(({ sealedHeaders }) => sealedHeaders['idempotency-key'])
    expect(keys).toEqual([keys[0], keys[0], keys[0], expect.not.stringMatching(String(keys[0]))])
    const secrets = gateway.requests.map(({ envelope }) => Buffer.from(envelope.subarray(7, 40)))
    expect(new Set(secrets.map((secret) => secret.toString('hex'))).size).toBe(4)
  })

  it('takes one HTTP request when warm, over one connection from the start', async () => {
    const { client, gateway } = await connect()
    await client.create(hello)
    expect(gateway.connections.accepted).toBe(1)
    const fetches = gateway.keyFetches.length
    for (let count = 0; count < 3; count++) await client.create(hello)
    expect(gateway.connections.accepted).toBe(1)
    expect(gateway.keyFetches).toHaveLength(fetches)
    expect(gateway.requests).toHaveLength(4)
  })

  it('needs no key of its own: none is generated, and no key file is read', async () => {
    generated.mockClear()
    const keyDir = join(mkdtempSync(join(tmpdir(), 'nomyo-')), 'keys')
    for (const wire of ['auto', 2] as const) {
      const { client, gateway } = await connect({ wire, keyDir, keyRotationInterval: 1 })
      await client.create(hello)
      // Longer than the key of wire 1 would be used for.
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(gateway.requests.map(({ wire }) => wire)).toEqual([2])
    }
    expect(generated).not.toHaveBeenCalled()
    expect(readdirSync(join(keyDir, '..'))).toEqual([])
  })

  it('reports its steps, with the wire and the reason for it', async () => {
    const steps: CompletionStep[] = []
    const lines: string[] = []
    const { client } = await connect({
      debug: true,
      logger: { warn: () => undefined, debug: (line) => lines.push(line) },
      onStep: (step) => steps.push(step),
    })
    await client.create(hello)
    expect(steps.map(({ name }) => name)).toEqual(['wire', 'seal', 'send', 'open'])
    expect(steps[0]).toMatchObject({ wire: 2, reason: 'unverified' })
    expect(lines.some((line) => line.includes('wire 2, unverified'))).toBe(true)
  })

  it('gives a receipt that names wire, statement and encapsulated secret', async () => {
    const receipts: Receipt[] = []
    const { client, gateway } = await connect({ onReceipt: (one) => void receipts.push(one) })
    const { _metadata: metadata } = await client.create(hello)
    const receipt = parseReceipt(JSON.stringify(receipts[0]))
    const enc = gateway.requests[0]!.envelope.subarray(7, 7 + 1120)
    expect(receipt).toMatchObject({
      payloadId: metadata.payload_id,
      serverKey: gateway.identity,
      algorithm: metadata.encryption_algorithm,
      wire: { version: 2, enc: Buffer.from(enc).toString('base64') },
    })
  })

  it('goes to the path below the base URL, and names the same route inside', async () => {
    const { client, gateway } = await connect()
    const asked: string[] = []
    const prefixed = newClient(
      { url: `${gateway.url}/prefix` },
      {
        fetch: (url, init) => {
          const { href, pathname } = new URL(url as string)
          asked.push(pathname)
          return fetch(href.replace('/prefix', ''), init)
        },
      },
    )
    await prefixed.create(hello)
    expect(asked).toEqual(['/prefix/pki/wire2', '/prefix/.well-known/ohttp-gateway'])
    await client.create(hello)
  })
})

describe('a request that wire 2 cannot carry is not sent', () => {
  it.each(['x-api-key', 'cookie', 'Cookie'])(
    'with credentials in a header beside it: %s',
    async (name) => {
      const headers = { [name]: 'secret' }
      const { client, gateway } = await connect({ defaultHeaders: headers })
      const error = await failureOf(client.create(hello))
      expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', authenticated: false })
      expect(String(error)).not.toContain('secret')
      const { client: other, gateway: second } = await connect()
      await expectCode(other.create(hello, { headers }), 'ERR_INVALID_OPTION')
      expect([...gateway.requests, ...second.requests]).toEqual([])
    },
  )

  it('with headers that take more than a first chunk', async () => {
    const { client, gateway } = await connect({ apiKey: 'k'.repeat(16_000) })
    await expectCode(client.create(hello), 'ERR_INVALID_REQUEST')
    const { client: long } = await connect({
      defaultHeaders: { 'openai-beta': 'b'.repeat(16_000) },
    })
    await expectCode(long.create(hello), 'ERR_INVALID_REQUEST')
    expect(gateway.requests).toEqual([])
  })

  it('and is refused as too large for wire 1, too', async () => {
    const gateway = await newGateway()
    const content = 'x'.repeat(11 * 1024 * 1024)
    const creating = newClient(gateway).create({ ...hello, messages: [{ role: 'user', content }] })
    await expectCode(creating, 'ERR_REQUEST_TOO_LARGE')
  })
})
