import { inspect } from 'node:util'
import { faults, type Fault } from '@nomyo/testkit'
import { describe, expect, it } from 'vitest'
import {
  APIConnectionError,
  APIError,
  AuthenticationError,
  ForbiddenError,
  InvalidRequestError,
  RateLimitError,
  SecurityError,
  ServerError,
  ServiceUnavailableError,
} from '../../src/index.js'
import { testKey } from '../support.js'
import { failureOf, hello, newClient, newGateway, saidBy } from './support.js'

const apiKey = 'a-key-nobody-else-may-see'
const words = 'words nobody else may see'
const request = { ...hello, messages: [{ role: 'user' as const, content: words }] }

/** One kind of answer and what must become of it; names are those of the faults. */
type Expected = [fault: Fault, errorClass: abstract new (...given: never[]) => Error, code: string]

const passing: Expected[] = [
  [faults.rateLimited({ retryAfterSeconds: 0 }), RateLimitError, 'ERR_RATE_LIMIT'],
  [faults.unavailable({ retryAfterSeconds: 0 }), ServiceUnavailableError, 'ERR_UNAVAILABLE'],
  [faults.status(500, 'out of order'), ServerError, 'ERR_SERVER'],
  [faults.status(502), ServerError, 'ERR_SERVER'],
  [faults.status(504, [{ msg: 'too late' }]), ServerError, 'ERR_SERVER'],
  [faults.reset(), APIConnectionError, 'ERR_NETWORK'],
  [faults.truncated(), APIConnectionError, 'ERR_NETWORK'],
  [faults.hang(), APIConnectionError, 'ERR_TIMEOUT'],
  [faults.slowBody({ bytesPerSecond: 20 }), APIConnectionError, 'ERR_TIMEOUT'],
  [faults.endless(), APIConnectionError, 'ERR_RESPONSE_TOO_LARGE'],
  [faults.oversized(), APIConnectionError, 'ERR_RESPONSE_TOO_LARGE'],
  [faults.compressedBomb(), APIConnectionError, 'ERR_NETWORK'],
]

const unexpected = [201, 202, 204, 206, 304, 405, 409, 413, 418, 422, 501]
const final: Expected[] = [
  [faults.status(400, 'no such model'), InvalidRequestError, 'ERR_BAD_REQUEST'],
  [faults.status(401, 'who are you'), AuthenticationError, 'ERR_AUTHENTICATION'],
  [faults.status(403), ForbiddenError, 'ERR_FORBIDDEN'],
  [faults.status(404, null), APIError, 'ERR_NOT_FOUND'],
  ...unexpected.map((code): Expected => [
    faults.status(code, 'hm'),
    APIError,
    'ERR_UNEXPECTED_STATUS',
  ]),
  [faults.tampered('ciphertext'), SecurityError, 'ERR_DECRYPTION_FAILED'],
  [faults.tampered('tag'), SecurityError, 'ERR_DECRYPTION_FAILED'],
  [faults.tampered('nonce'), SecurityError, 'ERR_DECRYPTION_FAILED'],
  [faults.tampered('wrappedKey'), SecurityError, 'ERR_DECRYPTION_FAILED'],
  [faults.reflected(), SecurityError, 'ERR_DECRYPTION_FAILED'],
  [faults.wrongRecipient(), SecurityError, 'ERR_DECRYPTION_FAILED'],
  [faults.otherRequest(), SecurityError, 'ERR_REPLY_MISMATCH'],
  [faults.plaintext(), SecurityError, 'ERR_ENVELOPE_INVALID'],
  [faults.html(), SecurityError, 'ERR_ENVELOPE_INVALID'],
  [faults.empty(), SecurityError, 'ERR_ENVELOPE_INVALID'],
  [faults.scalar(), SecurityError, 'ERR_ENVELOPE_INVALID'],
]

const titled = (rows: Expected[]): [string, ...Expected][] =>
  rows.map(([fault, errorClass, code], index) => [
    `${fault.name} (${index})`,
    fault,
    errorClass,
    code,
  ])

describe('a fault that may pass', () => {
  it.each(titled(passing))(
    '%s: is tried again, sealed afresh',
    async (_title, fault, ...expected) => {
      const gateway = await newGateway()
      const client = newClient(gateway, { apiKey })
      await client.create(request)
      gateway.clear()
      gateway.always(fault)
      const timeout = expected[1] === 'ERR_TIMEOUT' ? 1000 : 10_000
      const asked = { ...request, security_tier: 'high' as const }
      const error = await failureOf(client.create(asked, { maxRetries: 1, timeout }))
      expectError(error, ...expected)
      const [first, second, ...more] = gateway.requests
      expect(more).toHaveLength(0)
      expect(second?.payloadId).not.toBe(first?.payloadId)
      expect(error).toMatchObject({ payloadId: second?.payloadId })
      for (const part of ['ciphertext', 'nonce', 'tag', 'encrypted_aes_key']) {
        expect(partOf(second?.envelope, part)).not.toBe(partOf(first?.envelope, part))
      }
      expect(second?.request).toEqual(first?.request)
      expect([first?.securityTier, second?.securityTier]).toEqual(['high', 'high'])
      expect(second?.headers.authorization).toBe(`Bearer ${apiKey}`)
      expect(gateway.keyFetches).toHaveLength(0)
    },
  )

  it.each(titled(passing))('%s: is over when it is', async (_title, fault, _class, code) => {
    const gateway = await newGateway()
    const client = newClient(gateway)
    await client.create(hello)
    gateway.next(fault)
    const timeout = code === 'ERR_TIMEOUT' ? 1000 : 10_000
    expect(saidBy(await client.create(hello, { maxRetries: 1, timeout }))).toBe('Hello!')
  })

  it('is not tried again where the caller says so', async () => {
    const gateway = await newGateway()
    gateway.always(faults.reset())
    await failureOf(newClient(gateway, { maxRetries: 2 }).create(hello, { maxRetries: 0 }))
    expect(gateway.requests).toHaveLength(1)
  })

  it('is tried again twice unless said otherwise', async () => {
    const gateway = await newGateway()
    gateway.always(faults.unavailable({ retryAfterSeconds: 0 }))
    const unset = undefined as unknown as number
    await failureOf(newClient(gateway, { maxRetries: unset }).create(hello))
    expect(gateway.requests).toHaveLength(3)
  })
})

describe('a fault that cannot pass', () => {
  it.each(titled(final))('%s: is thrown at once', async (_title, fault, ...expected) => {
    const gateway = await newGateway()
    const client = newClient(gateway, { apiKey, maxRetries: 2 })
    await client.create(request)
    gateway.clear()
    gateway.always(fault)
    const start = performance.now()
    const error = await failureOf(client.create(request))
    expect(performance.now() - start).toBeLessThan(3000)
    expectError(error, ...expected)
    expect(gateway.requests).toHaveLength(1)
    expect(error).toMatchObject({ payloadId: gateway.requests[0]?.payloadId })
  })

  it('is opaque where it could be an oracle', async () => {
    const gateway = await newGateway()
    const client = newClient(gateway)
    gateway.next(
      faults.tampered('ciphertext'),
      faults.tampered('tag'),
      faults.tampered('nonce'),
      faults.tampered('wrappedKey'),
      faults.reflected(),
      faults.wrongRecipient(),
    )
    const texts = new Set<string>()
    for (let count = 0; count < 6; count++) {
      texts.add(String(await failureOf(client.create(hello))))
    }
    expect(texts.size).toBe(1)
  })
})

describe('an answer that was there before', () => {
  it('is refused, also later and more than once', async () => {
    const gateway = await newGateway()
    const client = newClient(gateway, { maxRetries: 2 })
    await client.create(hello)
    gateway.next(faults.replayed())
    const replayed = { code: 'ERR_REPLY_REPLAYED', payloadId: expect.any(String) }
    expect(await failureOf(client.create(hello))).toMatchObject(replayed)
    expect(saidBy(await client.create(hello))).toBe('Hello!')
    gateway.next(faults.replayed(), faults.replayed())
    expect(await failureOf(client.create(hello))).toMatchObject(replayed)
    expect(await failureOf(client.create(hello))).toMatchObject(replayed)
    expect(gateway.requests).toHaveLength(5)
  })

  it('is refused also by another client that has the same key', async () => {
    const gateway = await newGateway()
    await newClient(gateway).create(hello)
    gateway.next(faults.replayed())
    const error = await failureOf(newClient(gateway).create(hello))
    expect(error).toMatchObject({ code: 'ERR_REPLY_MISMATCH' })
  })
})

describe('Retry-After', () => {
  it('is waited for', async () => {
    const gateway = await newGateway()
    const client = newClient(gateway, { maxRetries: 1 })
    await client.create(hello)
    gateway.next(faults.rateLimited({ retryAfterSeconds: 2 }))
    const start = performance.now()
    await client.create(hello)
    expect(performance.now() - start).toBeGreaterThan(1990)
  })

  it.each([faults.rateLimited, faults.unavailable])(
    'of more than a minute is not waited for, but told (%#)',
    async (fault) => {
      const gateway = await newGateway()
      const client = newClient(gateway, { maxRetries: 5 })
      gateway.always(fault({ retryAfterSeconds: 61 }))
      const start = performance.now()
      const error = await failureOf(client.create(hello))
      expect(error).toMatchObject({ retryAfterMs: 61_000 })
      expect(performance.now() - start).toBeLessThan(3000)
      expect(gateway.requests).toHaveLength(1)
    },
  )

  it('is waited for no longer than the caller does', async () => {
    const gateway = await newGateway()
    gateway.always(faults.rateLimited({ retryAfterSeconds: 59 }))
    const client = newClient(gateway, { maxRetries: 5 })
    const signal = AbortSignal.timeout(500)
    const start = performance.now()
    const error = await failureOf(client.create(hello, { signal }))
    expect(error).toMatchObject({ code: 'ERR_ABORTED' })
    expect(performance.now() - start).toBeLessThan(3000)
  })
})

describe('a server key that changed', () => {
  it('is asked for once, and the request sealed for it under a new id', async () => {
    const gateway = await newGateway()
    const client = newClient(gateway)
    await client.create(hello)
    const refused = gateway.requests.length
    await gateway.rotateKey(await testKey('other'))
    const completion = await client.create(hello)
    expect(saidBy(completion)).toBe('Hello!')
    expect(gateway.keyFetches).toHaveLength(2)
    expect(gateway.requests).toHaveLength(refused + 1)
    expect(completion._metadata.payload_id).toBe(gateway.requests.at(-1)?.payloadId)
  })

  it('is asked for once also where many calls find out together', async () => {
    const gateway = await newGateway()
    const client = newClient(gateway)
    await client.create(hello)
    await gateway.rotateKey(await testKey('other'))
    const answers = await Promise.all(Array.from({ length: 10 }, () => client.create(hello)))
    expect(answers.map(saidBy)).toEqual(Array(10).fill('Hello!'))
    expect(gateway.keyFetches).toHaveLength(2)
  })

  it('is no reason to send a request a third time', async () => {
    const gateway = await newGateway()
    const client = newClient(gateway, { maxRetries: 2 })
    await client.create(hello)
    gateway.clear()
    await gateway.rotateKey(await testKey('other'))
    gateway.always(faults.status(400, 'no'))
    expect(await failureOf(client.create(hello))).toMatchObject({ code: 'ERR_BAD_REQUEST' })
    expect(gateway.requests).toHaveLength(1)
  })

  it('is refused where the one before was pinned', async () => {
    const gateway = await newGateway()
    const client = newClient(gateway, { serverKeyPins: [gateway.fingerprint] })
    await client.create(hello)
    await gateway.rotateKey(await testKey('other'))
    expect(await failureOf(client.create(hello))).toMatchObject({ code: 'ERR_KEY_MISMATCH' })
  })
})

function expectError(error: unknown, errorClass: Expected[1], code: string): void {
  expect(error).toBeInstanceOf(errorClass)
  expect(error).toMatchObject({ code })
  const everything = inspect(error, { depth: 20, showHidden: true })
  expect(everything).not.toContain(apiKey)
  expect(everything).not.toContain(words)
}

/** A part of an envelope, by its name on the wire. */
function partOf(envelope: Uint8Array | undefined, name: string): unknown {
  const parsed = JSON.parse(new TextDecoder().decode(envelope)) as Record<string, unknown>
  const payload = parsed['encrypted_payload'] as Record<string, unknown>
  const part = payload[name] ?? parsed[name]
  expect(part).toEqual(expect.any(String))
  return part
}
