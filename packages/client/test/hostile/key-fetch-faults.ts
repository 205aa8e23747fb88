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

/** A body that is no usable key. */
const bad = (title: string, fault: HttpFault, code = 'ERR_KEY_INVALID'): Row => [
  title,
  fault,
  SecurityError,
  code,
  1,
]
/** An answer that does not arrive; the key is fetched once more. */
const lost = (title: string, fault: HttpFault, code = 'ERR_NETWORK'): Row => [
  title,
  fault,
  APIConnectionError,
  code,
  2,
]
const busy = (retryAfterSeconds: number): HttpFault => faults.unavailable({ retryAfterSeconds })
const UNAVAILABLE = [ServiceUnavailableError, 'ERR_UNAVAILABLE'] as const

export const rows: readonly Row[] = [
  bad('no key', faults.garbageKey()),
  bad('HTML', faults.html()),
  bad('nothing', faults.empty()),
  bad('a number', faults.scalar()),
  bad('512 bits', faults.weakKey({ bits: 512 }), 'ERR_KEY_WEAK'),
  bad('1024 bits', faults.weakKey(), 'ERR_KEY_WEAK'),
  bad('2048 bits', faults.weakKey({ bits: 2048 }), 'ERR_KEY_WEAK'),
  bad('line breaks', pem(begin + '\n'.repeat(16_000) + end)),
  bad('blanks', pem(`${begin}\nAAAA\n${end}${' '.repeat(16_000)}!`)),
  bad('dashes', pem('-'.repeat(16_000))),
  bad('many beginnings', pem(`${begin}\n`.repeat(600))),
  bad('zeroes', pem(`${begin}\n${'A'.repeat(16_000)}\n${end}`)),
  bad('60,000 zeroes', pem('A'.repeat(60_000)), 'ERR_KEY_LIMIT'),
  ['404', faults.status(404), APIError, 'ERR_NOT_FOUND', 1],
  ['204', faults.status(204), APIError, 'ERR_UNEXPECTED_STATUS', 1],
  ['304 unasked', faults.status(304), APIError, 'ERR_UNEXPECTED_STATUS', 1],
  ['500', faults.status(500), ServerError, 'ERR_SERVER', 2],
  ['429', faults.rateLimited({ retryAfterSeconds: 0 }), RateLimitError, 'ERR_RATE_LIMIT', 2],
  ['503', busy(0), ...UNAVAILABLE, 2],
  ['503 for long', busy(1800), ...UNAVAILABLE, 1],
  lost('a reset', faults.reset()),
  lost('half a key', faults.truncated()),
  lost('no end', faults.endless(), 'ERR_RESPONSE_TOO_LARGE'),
  lost('64 MiB', faults.oversized(), 'ERR_RESPONSE_TOO_LARGE'),
  lost('a bomb', faults.compressedBomb(), 'ERR_RESPONSE_TOO_LARGE'),
]

/** Key fetches that end at the deadline. */
export const timeouts: readonly Row[] = [
  lost('silence', faults.hang(), 'ERR_TIMEOUT'),
  lost('a byte now and then', faults.slowBody({ bytesPerSecond: 20 }), 'ERR_TIMEOUT'),
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
