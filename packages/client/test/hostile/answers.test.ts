import { faults } from '@nomyo/testkit'
import { beforeEach, describe, expect, it, vi } from 'vitest'
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
import {
  apiKey,
  expectError,
  expectRecovery,
  expectRetried,
  request,
  type Expected,
} from './expected-errors.js'
import { HELD_MS, waits } from './instant-retries.js'
import { connect, contentOf, failureOf, hello, newClient, newGateway } from './support.js'

vi.mock(import('@nomyo/transport'), async (original) =>
  (await import('./instant-retries.js')).instantRetries(original),
)

beforeEach(() => {
  waits.length = 0
})

const transient: Expected[] = [
  [faults.rateLimited({ retryAfterSeconds: 0 }), RateLimitError, 'ERR_RATE_LIMIT'],
  [faults.unavailable({ retryAfterSeconds: 0 }), ServiceUnavailableError, 'ERR_UNAVAILABLE'],
  [faults.status(500, 'out of order'), ServerError, 'ERR_SERVER'],
  [faults.status(502), ServerError, 'ERR_SERVER'],
  [faults.status(504, [{ msg: 'too late' }]), ServerError, 'ERR_SERVER'],
  [faults.reset(), APIConnectionError, 'ERR_NETWORK'],
  [faults.truncated(), APIConnectionError, 'ERR_NETWORK'],
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

describe('a transient fault', () => {
  it.each(titled(transient))('%s: is retried, encrypted anew', async (_title, ...expected) => {
    await expectRetried(expected)
    expect(waits).toHaveLength(1)
  })

  it.each(titled(transient))('%s: ends with the fault', (_title, fault) => expectRecovery(fault))

  it('is not retried where the caller disables retries', async () => {
    const gateway = await newGateway()
    gateway.always(faults.reset())
    await failureOf(newClient(gateway, { maxRetries: 2 }).create(hello, { maxRetries: 0 }))
    expect(gateway.requests).toHaveLength(1)
  })

  it('is retried twice by default', async () => {
    const gateway = await newGateway()
    gateway.always(faults.unavailable({ retryAfterSeconds: 0 }))
    const unset = undefined as unknown as number
    await failureOf(newClient(gateway, { maxRetries: unset }).create(hello))
    expect(gateway.requests).toHaveLength(3)
  })
})

describe('a permanent fault', () => {
  it.each(titled(final))('%s: is thrown at once', async (_title, fault, errorClass, code) => {
    const { gateway, client } = await connect({ apiKey, maxRetries: 2 })
    await client.create(request)
    gateway.clear()
    gateway.always(fault)
    const error = await failureOf(client.create(request))
    expect(waits).toEqual([])
    expectError(error, errorClass, code)
    expect(gateway.requests).toHaveLength(1)
    expect(error).toMatchObject({ payloadId: gateway.requests[0]?.payloadId })
  })

  it('is opaque where it could be an oracle', async () => {
    const { gateway, client } = await connect()
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

describe('a repeated answer', () => {
  it('is refused, also later and more than once', async () => {
    const { gateway, client } = await connect({ maxRetries: 2 })
    await client.create(hello)
    gateway.next(faults.replayed())
    const replayed = { code: 'ERR_REPLY_REPLAYED', payloadId: expect.any(String) }
    expect(await failureOf(client.create(hello))).toMatchObject(replayed)
    expect(contentOf(await client.create(hello))).toBe('Hello!')
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
    const { gateway, client } = await connect({ maxRetries: 1 })
    await client.create(hello)
    gateway.next(faults.rateLimited({ retryAfterSeconds: 2 }))
    await client.create(hello)
    expect(waits).toEqual([2000])
  })

  it.each([faults.rateLimited, faults.unavailable])(
    'of more than a minute is reported rather than waited for (%#)',
    async (fault) => {
      const { gateway, client } = await connect({ maxRetries: 5 })
      gateway.always(fault({ retryAfterSeconds: 61 }))
      const error = await failureOf(client.create(hello))
      expect(error).toMatchObject({ retryAfterMs: 61_000 })
      expect(waits).toEqual([])
      expect(gateway.requests).toHaveLength(1)
    },
  )

  it('is waited for no longer than until the caller aborts', async () => {
    const { gateway, client } = await connect({ maxRetries: 5 })
    gateway.always(faults.rateLimited({ retryAfterSeconds: HELD_MS / 1000 }))
    const controller = new AbortController()
    const failure = failureOf(client.create(hello, { signal: controller.signal }))
    await vi.waitFor(() => expect(waits).toEqual([HELD_MS]))
    controller.abort()
    expect(await failure).toMatchObject({ code: 'ERR_ABORTED' })
    expect(gateway.requests).toHaveLength(1)
  })
})

describe('a server key that changed', () => {
  it('is fetched once, and the request encrypted to it under a new id', async () => {
    const { gateway, client } = await connect()
    await client.create(hello)
    const refused = gateway.requests.length
    await gateway.rotateKey(await testKey('other'))
    const completion = await client.create(hello)
    expect(contentOf(completion)).toBe('Hello!')
    expect(gateway.keyFetches).toHaveLength(2)
    expect(gateway.requests).toHaveLength(refused + 1)
    expect(completion._metadata.payload_id).toBe(gateway.requests.at(-1)?.payloadId)
  })

  it('is fetched once also where many calls find out together', async () => {
    const { gateway, client } = await connect()
    await client.create(hello)
    await gateway.rotateKey(await testKey('other'))
    const answers = await Promise.all(Array.from({ length: 10 }, () => client.create(hello)))
    expect(answers.map(contentOf)).toEqual(Array(10).fill('Hello!'))
    expect(gateway.keyFetches).toHaveLength(2)
  })

  it('is no reason to send a request a third time', async () => {
    const { gateway, client } = await connect({ maxRetries: 2 })
    await client.create(hello)
    gateway.clear()
    await gateway.rotateKey(await testKey('other'))
    gateway.always(faults.status(400, 'no'))
    expect(await failureOf(client.create(hello))).toMatchObject({ code: 'ERR_BAD_REQUEST' })
    expect(gateway.requests).toHaveLength(1)
  })

  it('is refused where the previous one was pinned', async () => {
    const gateway = await newGateway()
    const client = newClient(gateway, { serverKeyPins: [gateway.fingerprint] })
    await client.create(hello)
    await gateway.rotateKey(await testKey('other'))
    expect(await failureOf(client.create(hello))).toMatchObject({ code: 'ERR_KEY_MISMATCH' })
  })
})
