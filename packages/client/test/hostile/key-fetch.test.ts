import { faults, type HttpFault } from '@nomyo/testkit'
import { describe, expect, it } from 'vitest'
import {
  APIConnectionError,
  APIError,
  RateLimitError,
  SecurityError,
  ServerError,
  ServiceUnavailableError,
} from '../../src/index.js'
import { costOf, failureOf, hello, newClient, newGateway, saidBy } from './support.js'

type ErrorClass = abstract new (...given: never[]) => Error
type Row = [title: string, fault: HttpFault, errorClass: ErrorClass, code: string, fetches: number]

const pem = (text: string): HttpFault => ({
  name: 'pem',
  appliesTo: 'any',
  answer: ({ response }) => void response.end(text),
})
const begin = '-----BEGIN PUBLIC KEY-----'
const end = '-----END PUBLIC KEY-----'

const rows: Row[] = [
  ['no key', faults.garbageKey(), SecurityError, 'ERR_KEY_INVALID', 1],
  ['HTML', faults.html(), SecurityError, 'ERR_KEY_INVALID', 1],
  ['nothing', faults.empty(), SecurityError, 'ERR_KEY_INVALID', 1],
  ['a number', faults.scalar(), SecurityError, 'ERR_KEY_INVALID', 1],
  ['512 bits', faults.weakKey({ bits: 512 }), SecurityError, 'ERR_KEY_WEAK', 1],
  ['1024 bits', faults.weakKey(), SecurityError, 'ERR_KEY_WEAK', 1],
  ['2048 bits', faults.weakKey({ bits: 2048 }), SecurityError, 'ERR_KEY_WEAK', 1],
  ['line breaks', pem(begin + '\n'.repeat(16_000) + end), SecurityError, 'ERR_KEY_INVALID', 1],
  [
    'blanks',
    pem(`${begin}\nAAAA\n${end}${' '.repeat(16_000)}!`),
    SecurityError,
    'ERR_KEY_INVALID',
    1,
  ],
  ['dashes', pem('-'.repeat(16_000)), SecurityError, 'ERR_KEY_INVALID', 1],
  ['many beginnings', pem(`${begin}\n`.repeat(600)), SecurityError, 'ERR_KEY_INVALID', 1],
  ['zeroes', pem(`${begin}\n${'A'.repeat(16_000)}\n${end}`), SecurityError, 'ERR_KEY_INVALID', 1],
  ['60,000 zeroes', pem('A'.repeat(60_000)), SecurityError, 'ERR_KEY_LIMIT', 1],
  ['404', faults.status(404), APIError, 'ERR_NOT_FOUND', 1],
  ['204', faults.status(204), APIError, 'ERR_UNEXPECTED_STATUS', 1],
  ['304 unasked', faults.status(304), APIError, 'ERR_UNEXPECTED_STATUS', 1],
  ['500', faults.status(500), ServerError, 'ERR_SERVER', 2],
  ['429', faults.rateLimited({ retryAfterSeconds: 0 }), RateLimitError, 'ERR_RATE_LIMIT', 2],
  [
    '503',
    faults.unavailable({ retryAfterSeconds: 0 }),
    ServiceUnavailableError,
    'ERR_UNAVAILABLE',
    2,
  ],
  [
    '503 for long',
    faults.unavailable({ retryAfterSeconds: 1800 }),
    ServiceUnavailableError,
    'ERR_UNAVAILABLE',
    1,
  ],
  ['a reset', faults.reset(), APIConnectionError, 'ERR_NETWORK', 2],
  ['half a key', faults.truncated(), APIConnectionError, 'ERR_NETWORK', 2],
  ['silence', faults.hang(), APIConnectionError, 'ERR_TIMEOUT', 2],
  [
    'a byte now and then',
    faults.slowBody({ bytesPerSecond: 20 }),
    APIConnectionError,
    'ERR_TIMEOUT',
    2,
  ],
  ['no end', faults.endless(), APIConnectionError, 'ERR_RESPONSE_TOO_LARGE', 2],
  ['64 MiB', faults.oversized(), APIConnectionError, 'ERR_RESPONSE_TOO_LARGE', 2],
  ['a bomb', faults.compressedBomb(), APIConnectionError, 'ERR_RESPONSE_TOO_LARGE', 2],
]

describe('a key fetch that brings', () => {
  it.each(rows)(
    '%s: fails in bounds, and nothing is sealed',
    async (_title, fault, ...expected) => {
      const [errorClass, code, fetches] = expected
      const gateway = await newGateway()
      gateway.keyFetch(fault)
      const client = newClient(gateway, {
        maxRetries: 1,
        timeout: code === 'ERR_TIMEOUT' ? 800 : 5000,
      })
      let error: unknown
      const cost = await costOf(async () => {
        error = await failureOf(client.create(hello))
      })
      expect(error).toBeInstanceOf(errorClass)
      expect(error).toMatchObject({ code })
      expect(gateway.keyFetches).toHaveLength(fetches)
      expect(gateway.requests).toHaveLength(0)
      expect(cost.durationMs).toBeLessThan(8000)
      expect(cost.rssGrowthMiB).toBeLessThan(256)
      gateway.keyFetch(undefined)
      expect(saidBy(await client.create(hello, { timeout: 5000 }))).toBe('Hello!')
    },
  )
})

describe('a key fetch that hangs', () => {
  it('is given up by each caller when it is time, and ends for all at its own', async () => {
    const gateway = await newGateway()
    gateway.keyFetch(faults.hang())
    const client = newClient(gateway, { timeout: 1500 })
    const patient = failureOf(client.create(hello))
    const hasty = client.create(hello, { timeout: 200 })
    const aborted = client.create(hello, { signal: AbortSignal.timeout(200) })
    expect(await failureOf(hasty)).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(await failureOf(aborted)).toMatchObject({ code: 'ERR_ABORTED' })
    expect(await patient).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(gateway.keyFetches).toHaveLength(1)
    await expect.poll(() => gateway.connections.open).toBe(0)
  })

  it('ends with its client', async () => {
    const gateway = await newGateway()
    gateway.keyFetch(faults.hang())
    const client = newClient(gateway)
    const failure = failureOf(client.create(hello))
    await expect.poll(() => gateway.keyFetches.length).toBe(1)
    client.dispose()
    expect(await failure).toMatchObject({ code: 'ERR_ABORTED' })
    await expect.poll(() => gateway.connections.open, { timeout: 3000 }).toBe(0)
  })
})

describe('many first calls at once', () => {
  it('fetch the key once', async () => {
    const gateway = await newGateway()
    const client = newClient(gateway)
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.create(hello)))
    expect(answers.map(saidBy)).toEqual(Array(20).fill('Hello!'))
    expect(gateway.keyFetches).toHaveLength(1)
    expect(new Set(gateway.requests.map(({ payloadId }) => payloadId)).size).toBe(20)
  })

  it('fail together once, and fetch it once more', async () => {
    const gateway = await newGateway()
    const client = newClient(gateway)
    gateway.keyFetch(faults.status(500))
    const errors = await Promise.all(
      Array.from({ length: 20 }, () => failureOf(client.create(hello))),
    )
    for (const error of errors) expect(error).toMatchObject({ code: 'ERR_SERVER' })
    gateway.keyFetch(undefined)
    await Promise.all(Array.from({ length: 20 }, () => client.create(hello)))
    expect(gateway.keyFetches).toHaveLength(2)
  })
})
