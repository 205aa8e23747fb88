import { faults, type HttpFault } from '@nomyo/testkit'
import { expect } from 'vitest'
import {
  APIConnectionError,
  APIError,
  RateLimitError,
  SecurityError,
  ServerError,
  ServiceUnavailableError,
} from '../../src/index.js'
import { contentOf, failureOf, hello, newClient, newGateway } from './support.js'

type ErrorClass = abstract new (...given: never[]) => Error
/** A response to a key fetch, the error it must cause, and the number of fetches. */
export type Row = [
  title: string,
  fault: HttpFault,
  errorClass: ErrorClass,
  code: string,
  fetches: number,
]

const pem = (text: string): HttpFault => ({
  name: 'pem',
  appliesTo: 'any',
  answer: ({ response }) => void response.end(text),
})
const begin = '-----BEGIN PUBLIC KEY-----'
const end = '-----END PUBLIC KEY-----'

export const rows: readonly Row[] = [
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
  ['no end', faults.endless(), APIConnectionError, 'ERR_RESPONSE_TOO_LARGE', 2],
  ['64 MiB', faults.oversized(), APIConnectionError, 'ERR_RESPONSE_TOO_LARGE', 2],
  ['a bomb', faults.compressedBomb(), APIConnectionError, 'ERR_RESPONSE_TOO_LARGE', 2],
]

/** Key fetches that end at the deadline. */
export const timeouts: readonly Row[] = [
  ['silence', faults.hang(), APIConnectionError, 'ERR_TIMEOUT', 2],
  [
    'a byte now and then',
    faults.slowBody({ bytesPerSecond: 20 }),
    APIConnectionError,
    'ERR_TIMEOUT',
    2,
  ],
]

/** Checks that a fault of the key fetch ends a call in its error, with nothing sent, and leaves no trace. */
export async function expectFailure(
  [, fault, errorClass, code, fetches]: Row,
  timeout: number,
  around: (work: () => Promise<void>) => Promise<void> = (work) => work(),
): Promise<void> {
  const gateway = await newGateway()
  gateway.keyFetch(fault)
  const client = newClient(gateway, { maxRetries: 1, timeout })
  let error: unknown
  await around(async () => {
    error = await failureOf(client.create(hello))
  })
  expect(error).toBeInstanceOf(errorClass)
  expect(error).toMatchObject({ code })
  expect(gateway.keyFetches).toHaveLength(fetches)
  expect(gateway.requests).toHaveLength(0)
  gateway.keyFetch(undefined)
  expect(contentOf(await client.create(hello, { timeout: 60_000 }))).toBe('Hello!')
}
