import { testArguments } from '@nomyo-internal/testing'
import * as errors from '../src/errors.js'
import * as root from '../src/index.js'
import * as undici from '../src/undici/index.js'

const REASON = 'an error of this package, which checks nothing'
const { signal } = new AbortController()
const baseUrl = root.parseBaseUrl('https://gateway.example')
const answer = (): Promise<Response> => Promise.resolve(new Response('x'))
const transport = root.createHttpTransport({ baseUrl, fetch: answer })
const request = {
  method: 'POST',
  path: '/',
  headers: { accept: 'x' },
  body: new Uint8Array(1),
  maxResponseBytes: 10,
  signal,
}
const response = { status: 400, header: () => undefined, body: new Uint8Array() }
const take = (): void => undefined

testArguments(
  [root, errors, undici],
  {
    APIConnectionError: REASON,
    APIError: REASON,
    AuthenticationError: REASON,
    ForbiddenError: REASON,
    InvalidRequestError: REASON,
    RateLimitError: REASON,
    ServerError: REASON,
    ServiceUnavailableError: REASON,

    abortable: [
      { call: root.abortable, args: { promise: Promise.resolve(), signal }, any: ['promise'] },
    ],
    createHttpTransport: [
      { call: root.createHttpTransport, args: { options: { baseUrl, fetch: answer } } },
      {
        call: (send) => root.createHttpTransport({ baseUrl, send }),
        args: { send: () => Promise.reject(new Error()) },
      },
      // The platform's fetch checks these two.
      { call: transport.send, args: { request }, any: ['request.method', 'request.body'] },
      {
        call: async (part) => (await transport.stream(request as never)).read(part),
        args: { take },
      },
    ],
    delay: [{ call: root.delay, args: { delayMs: 1, signal } }],
    endpointUrl: [{ call: root.endpointUrl, args: { baseUrl, path: '/' } }],
    errorFromResponse: [
      {
        call: root.errorFromResponse,
        args: {
          response,
          payloadId: 'id',
          sealedError: { status: 400, message: 'x' },
          facts: { authenticated: true },
        },
        // The body is one of a server. Only true is true.
        any: ['facts', 'facts.authenticated', 'response.body', 'sealedError.status'],
      },
    ],
    // A URL stands for its text.
    parseBaseUrl: [
      {
        call: (text: unknown) => text instanceof URL || root.parseBaseUrl(text as never),
        args: { text: 'https://gateway.example' },
        any: ['text'],
      },
    ],
    // Without a time, a date says nothing.
    parseRetryAfter: [
      { call: root.parseRetryAfter, args: { header: () => '1', nowMs: 0 }, any: ['nowMs'] },
    ],
    retry: [
      {
        call: root.retry,
        args: {
          attempt: () => Promise.resolve(),
          options: {
            maxRetries: 1,
            signal,
            mayRetry: () => false,
            onRetry: take,
            sleep: () => Promise.resolve(),
          },
        },
      },
    ],
    startDeadline: [
      {
        call: (timeoutMs, signals) => {
          root.startDeadline(timeoutMs, signals).clear()
        },
        args: { timeoutMs: 1000, signals: [signal] },
      },
    ],
    createUndiciFetch: [
      {
        call: async (options) => {
          await undici.createUndiciFetch(options).close()
        },
        args: { options: { ca: 'PEM' } },
        // One, or several.
        any: ['options.ca'],
      },
    ],
  },
  (error) =>
    (error instanceof root.APIError || error instanceof root.APIConnectionError) &&
    error.code.startsWith('ERR_'),
  [transport, baseUrl, signal],
)
