import { expect, it } from 'vitest'
import { createUndiciFetch } from '../src/undici/index.js'
import {
  InvalidRequestError,
  abortable,
  createHttpTransport,
  endpointUrl,
  errorFromResponse,
  parseBaseUrl,
  parseRetryAfter,
  retry,
  startDeadline,
} from '../src/index.js'

const { signal } = new AbortController()
const baseUrl = parseBaseUrl('https://gateway.example')
const request = { method: 'GET', path: '/', headers: {}, maxResponseBytes: 1, signal } as const
const fail = (): Promise<never> => Promise.reject(new Error('not called'))
const transport = createHttpTransport({ baseUrl, fetch: fail })

it.each<[name: string, call: () => unknown]>([
  ['timeoutMs', () => startDeadline(NaN)],
  ['timeoutMs', () => startDeadline(-1)],
  ['timeoutMs', () => startDeadline(2 ** 31)],
  ['timeoutMs', () => startDeadline('soon' as never)],
  ['signal', () => startDeadline(1, [new AbortController() as never])],
  ['signals', () => startDeadline(1, signal as never)],
  ['signal', () => abortable(Promise.resolve(), {} as never)],
  ['maxRetries', () => retry(fail, { maxRetries: NaN, signal })],
  ['maxRetries', () => retry(fail, { maxRetries: -1, signal })],
  ['baseUrl', () => createHttpTransport({ baseUrl: 'https://gateway.example' as never })],
  ['baseUrl', () => createHttpTransport(undefined as never)],
  ['fetch', () => createHttpTransport({ baseUrl, fetch: true as never })],
  ['send', () => createHttpTransport({ baseUrl, fetch, send: {} as never })],
  ['maxResponseBytes', () => transport.send({ ...request, maxResponseBytes: NaN })],
  ['maxResponseBytes', () => transport.send({ ...request, maxResponseBytes: -1 })],
  ['signal', () => transport.send({ ...request, signal: undefined as never })],
  ['maxResponseBytes', () => transport.send(undefined as never)],
  ['path', () => endpointUrl(baseUrl, 'health')],
  ['path', () => endpointUrl(baseUrl, undefined as never)],
  ['baseUrl', () => endpointUrl('https://gateway.example' as never, '/health')],
  ['baseUrl', () => parseBaseUrl(Symbol('x') as never)],
  ['response', () => errorFromResponse({ status: 400 } as never)],
  ['header', () => parseRetryAfter('5' as never, 0)],
  ['attempt', () => retry('x' as never, { maxRetries: 0, signal })],
  ['maxRetries', () => retry(fail, undefined as never)],
  ['options', () => createUndiciFetch(null as never)],
  ['options', () => createUndiciFetch(7 as never)],
  ['ca', () => createUndiciFetch({ ca: 7 as never })],
  ['dispatcher', () => createUndiciFetch({ dispatcher: {} as never })],
])('%s of a wrong kind is an error that names it', async (name, call) => {
  const called = Promise.resolve().then(call)
  await expect(called).rejects.toThrow(InvalidRequestError)
  await expect(called).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' })
  await expect(called).rejects.toThrow(new RegExp(`^${name}\\b`))
})

it('without a time, a date to wait for says nothing', () => {
  expect(parseRetryAfter(() => 'Sun, 06 Nov 1994 08:49:37 GMT', NaN)).toBeUndefined()
})
