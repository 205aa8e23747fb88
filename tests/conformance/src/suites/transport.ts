import type * as Library from '@nomyo/transport'
import { codeOf, equal, rejectionOf, textOf, thrownBy, type Case, type Suite } from './case.js'
import type { Loopback } from '../loopback.js'

/** The exports under test of `@nomyo/transport`. */
export type TransportLibrary = typeof Library

type ApiErrorName = Exclude<
  Extract<keyof TransportLibrary, `${string}Error`>,
  'APIConnectionError' | 'APIError'
>

/** The platform's `fetch` against real servers: statuses, faults, limits, deadlines, retries. */
export function transportSuite(library: TransportLibrary, loopback: Loopback): Suite {
  return {
    name: 'transport',
    cases: [
      ...STATUSES.map((expected) => mapsStatus(library, loopback, expected)),
      ...faults(library, loopback),
      ...stops(library, loopback),
      ...retries(library, loopback),
      ...withoutNetwork(library),
    ],
  }
}

interface ExpectedStatus {
  readonly status: number
  readonly code: string
  /** Undefined for a status that has no class of its own. */
  readonly name: ApiErrorName | undefined
}

const STATUSES: readonly ExpectedStatus[] = [
  { status: 400, code: 'ERR_BAD_REQUEST', name: 'InvalidRequestError' },
  { status: 401, code: 'ERR_AUTHENTICATION', name: 'AuthenticationError' },
  { status: 403, code: 'ERR_FORBIDDEN', name: 'ForbiddenError' },
  { status: 404, code: 'ERR_NOT_FOUND', name: undefined },
  { status: 418, code: 'ERR_UNEXPECTED_STATUS', name: undefined },
  { status: 429, code: 'ERR_RATE_LIMIT', name: 'RateLimitError' },
  { status: 500, code: 'ERR_SERVER', name: 'ServerError' },
  { status: 502, code: 'ERR_SERVER', name: 'ServerError' },
  { status: 503, code: 'ERR_UNAVAILABLE', name: 'ServiceUnavailableError' },
  { status: 504, code: 'ERR_SERVER', name: 'ServerError' },
]

const API_ERRORS: readonly ApiErrorName[] = [
  'InvalidRequestError',
  'AuthenticationError',
  'ForbiddenError',
  'RateLimitError',
  'ServerError',
  'ServiceUnavailableError',
]

function mapsStatus(
  library: TransportLibrary,
  loopback: Loopback,
  { status, code, name }: ExpectedStatus,
): Case {
  return {
    name: `maps a ${status}`,
    run: async () => {
      const response = await get(library, loopback.faults, `/status/${status}`)
      equal(response.status, status)
      const error = library.errorFromResponse(response)
      equal(error instanceof Error, true)
      equal(error instanceof library.APIError, true)
      equal(error instanceof library.APIConnectionError, false)
      for (const other of API_ERRORS) equal(error instanceof library[other], other === name)
      equal(error.name, name ?? 'APIError')
      equal(error.code, code)
      equal(error.statusCode, status)
      equal(error.retryAfterMs, 7000)
      equal(JSON.stringify(error.errorDetails), '{"detail":"D-text"}')
    },
  }
}

function faults(library: TransportLibrary, loopback: Loopback): Case[] {
  const failureAt = async (path: string, maxResponseBytes = 1000): Promise<string> => {
    const sending = get(library, loopback.faults, path, { maxResponseBytes })
    return codeOf(await rejectionOf(sending), library.APIConnectionError)
  }
  return [
    {
      name: 'reads an answer and its headers',
      run: async () => {
        const response = await get(library, loopback.faults, '/bytes/1000')
        equal(response.status, 200)
        equal(response.body.length, 1000)
        equal(response.header('content-type'), 'application/octet-stream')
        equal(response.header('x-absent'), undefined)
      },
    },
    {
      name: 'sends bytes and headers as they are',
      run: async () => {
        const body = Uint8Array.from({ length: 256 }, (_, index) => index)
        const response = await post(library, loopback.faults, '/echo', body)
        equal(response.body.join(), body.join())
      },
    },
    {
      name: 'follows no redirect',
      run: async () => {
        // Browsers hide it; elsewhere it is a status like any other.
        const ended = await get(library, loopback.faults, '/redirect').catch((error: unknown) =>
          codeOf(error, library.APIConnectionError),
        )
        equal(ended === 'ERR_REDIRECT' || (typeof ended === 'object' && ended.status === 302), true)
        const asked = await get(library, loopback.faults, '/redirect/asked')
        equal(textOf(asked.body), '0')
      },
    },
    {
      name: 'reads no answer that announces too much',
      run: async () => equal(await failureAt('/bytes/1001'), 'ERR_RESPONSE_TOO_LARGE'),
    },
    {
      name: 'reads no more of an endless answer than allowed',
      run: async () => equal(await failureAt('/endless', 100_000), 'ERR_RESPONSE_TOO_LARGE'),
    },
    {
      name: 'counts bytes after they are unpacked',
      run: async () => equal(await failureAt('/bomb', 100_000), 'ERR_RESPONSE_TOO_LARGE'),
    },
    {
      name: 'takes an answer that was cut off for none',
      run: async () => equal(await failureAt('/cut'), 'ERR_NETWORK'),
    },
    {
      name: 'takes a connection that was dropped for no answer',
      run: async () => equal(await failureAt('/drop'), 'ERR_NETWORK'),
    },
    {
      name: 'reports a server that does not listen',
      run: async () => {
        const error = await rejectionOf(get(library, loopback.nowhere, '/'))
        equal(codeOf(error, library.APIConnectionError), 'ERR_NETWORK')
        equal((error as Error).name, 'APIConnectionError')
        equal(error instanceof library.APIError, false)
      },
    },
  ]
}

function stops(library: TransportLibrary, loopback: Loopback): Case[] {
  const timesOut = (path: string): Case['run'] => {
    return async () => {
      const { signal, clear } = library.startDeadline(200)
      try {
        const error = await rejectionOf(get(library, loopback.faults, path, { signal }))
        equal(codeOf(error, library.APIConnectionError), 'ERR_TIMEOUT')
      } finally {
        clear()
      }
    }
  }
  return [
    { name: 'ends at its deadline without an answer', run: timesOut('/silent') },
    { name: 'ends at its deadline in the midst of an answer', run: timesOut('/stalled') },
    {
      name: 'ends when the caller does not want it any more',
      run: async () => {
        const caller = new AbortController()
        const { signal, clear } = library.startDeadline(30_000, [caller.signal])
        try {
          const sending = rejectionOf(get(library, loopback.faults, '/silent', { signal }))
          setTimeout(() => caller.abort(), 50)
          equal(codeOf(await sending, library.APIConnectionError), 'ERR_ABORTED')
        } finally {
          clear()
        }
      },
    },
    {
      name: 'does not start when the caller does not want it',
      run: async () => {
        const { signal, clear } = library.startDeadline(30_000, [AbortSignal.abort('any reason')])
        try {
          const error = await rejectionOf(get(library, loopback.faults, '/bytes/1', { signal }))
          equal(codeOf(error, library.APIConnectionError), 'ERR_ABORTED')
        } finally {
          clear()
        }
      },
    },
  ]
}

function retries(library: TransportLibrary, loopback: Loopback): Case[] {
  const attemptAt = async (path: string): Promise<Library.TransportResponse> => {
    const response = await get(library, loopback.faults, path)
    if (response.status !== 200) throw library.errorFromResponse(response)
    return response
  }
  const { signal } = new AbortController()
  return [
    {
      name: 'tries again as soon as the server asks for it',
      run: async () => {
        // A name of its own, because other runtimes are at it, too.
        const path = `/second-time/${crypto.randomUUID()}`
        const delays: number[] = []
        const response = await library.retry(() => attemptAt(path), {
          maxRetries: 2,
          signal,
          onRetry: (_, delayMs) => delays.push(delayMs),
        })
        equal(textOf(response.body), 'attempt 2')
        equal(delays.join(), '0')
      },
    },
    {
      name: 'does not try again what cannot pass',
      run: async () => {
        let attempts = 0
        const trying = library.retry(
          () => {
            attempts++
            return attemptAt('/status/400')
          },
          { maxRetries: 2, signal },
        )
        equal(codeOf(await rejectionOf(trying), library.APIError), 'ERR_BAD_REQUEST')
        equal(attempts, 1)
      },
    },
  ]
}

function withoutNetwork(library: TransportLibrary): Case[] {
  const refused = ['', 'no url', 'ftp://host', 'https://user:word@host', 'https://host?query']
  return [
    {
      name: 'reads base URLs',
      run: async () => {
        const url = library.parseBaseUrl('https://host/prefix//')
        equal(library.endpointUrl(url, '/path'), 'https://host/prefix/path')
        for (const text of refused) {
          const error = await thrownBy(() => library.parseBaseUrl(text))
          equal(codeOf(error, library.InvalidRequestError), 'ERR_INVALID_OPTION')
        }
      },
    },
  ]
}

function get(
  library: TransportLibrary,
  base: string,
  path: string,
  options: Partial<Library.TransportRequest> = {},
): Promise<Library.TransportResponse> {
  const transport = library.createHttpTransport({ baseUrl: library.parseBaseUrl(base) })
  const { signal } = new AbortController()
  const request = { method: 'GET' as const, path, headers: {}, maxResponseBytes: 1000, signal }
  return transport.send({ ...request, ...options })
}

const post = (
  library: TransportLibrary,
  base: string,
  path: string,
  body: Uint8Array<ArrayBuffer>,
): Promise<Library.TransportResponse> =>
  get(library, base, path, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body,
  })
