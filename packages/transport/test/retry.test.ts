import { describe, expect, it } from 'vitest'
import { startDeadline } from '../src/deadline.js'
import { errorFromResponse } from '../src/error-mapping.js'
import {
  APIConnectionError,
  APIError,
  AuthenticationError,
  ForbiddenError,
  InvalidRequestError,
  RateLimitError,
  ServerError,
  ServiceUnavailableError,
} from '../src/errors.js'
import { retry, retryDelayMs } from '../src/retry.js'
import { rejection, send, startServer } from './support.js'

const never = new AbortController().signal
const atOnce = { retryAfterMs: 0 }

/** Fails every time with the same error, and counts. */
function failing(error: unknown): { attempt: () => Promise<never>; attempts: () => number } {
  let attempts = 0
  return {
    attempt: async () => {
      attempts++
      throw error
    },
    attempts: () => attempts,
  }
}

describe('an attempt that failed', () => {
  it.each([
    new RateLimitError('ERR_RATE_LIMIT', '', atOnce),
    new ServerError('ERR_SERVER', '', atOnce),
    new ServiceUnavailableError('ERR_UNAVAILABLE', '', atOnce),
    new APIConnectionError('ERR_NETWORK', '', atOnce),
    new APIConnectionError('ERR_TIMEOUT', '', atOnce),
    new APIConnectionError('ERR_RESPONSE_TOO_LARGE', '', atOnce),
  ])('is repeated where the fault may pass: $name $code', async (error) => {
    const { attempt, attempts } = failing(error)
    expect(await rejection(retry(attempt, { maxRetries: 2, signal: never }))).toBe(error)
    expect(attempts()).toBe(3)
  })

  it.each([
    new InvalidRequestError('ERR_BAD_REQUEST', '', atOnce),
    new AuthenticationError('ERR_AUTHENTICATION', '', atOnce),
    new ForbiddenError('ERR_FORBIDDEN', '', atOnce),
    new APIError('ERR_NOT_FOUND', '', atOnce),
    new APIError('ERR_UNEXPECTED_STATUS', '', atOnce),
    new APIConnectionError('ERR_ABORTED', '', atOnce),
    new APIConnectionError('ERR_REDIRECT', '', atOnce),
    new TypeError('a mistake in the program'),
    Object.assign(new Error('of another library'), { code: 'ERR_NETWORK', retryAfterMs: 0 }),
    undefined,
  ])('is not repeated where it cannot: %s', async (error) => {
    const { attempt, attempts } = failing(error)
    expect(await rejection(retry(attempt, { maxRetries: 2, signal: never }))).toBe(error)
    expect(attempts()).toBe(1)
  })

  it.each([0, 1, 2, 7])('is repeated up to %i times', async (maxRetries) => {
    const { attempt, attempts } = failing(new ServerError('ERR_SERVER', '', atOnce))
    await rejection(retry(attempt, { maxRetries, signal: never }))
    expect(attempts()).toBe(maxRetries + 1)
  })

  it('is forgotten as soon as one succeeds', async () => {
    const told: unknown[] = []
    const error = new ServerError('ERR_SERVER', '', { retryAfterMs: 1 })
    let attempts = 0
    const result = await retry(
      () => (++attempts < 3 ? Promise.reject(error) : Promise.resolve('done')),
      { maxRetries: 5, signal: never, onRetry: (...facts) => told.push(facts) },
    )
    expect(result).toBe('done')
    expect(attempts).toBe(3)
    expect(told).toEqual([
      [error, 1],
      [error, 1],
    ])
  })
})

describe('Retry-After', () => {
  /** Asks a server that is busy once: how long to wait, and how long it was between the requests. */
  async function waitOf(retryAfter: string): Promise<{ delayMs: number; elapsedMs: number }> {
    const times: number[] = []
    const delays: number[] = []
    const server = await startServer((response) => {
      times.push(performance.now())
      if (times.length > 1) response.end()
      else response.writeHead(429, { 'retry-after': retryAfter }).end()
    })
    await retry(
      async () => {
        const response = await send(server.url)
        if (response.status !== 200) throw errorFromResponse(response)
      },
      { maxRetries: 1, signal: never, onRetry: (_error, delayMs) => delays.push(delayMs) },
    )
    expect([times.length, delays.length]).toEqual([2, 1])
    return { delayMs: delays[0]!, elapsedMs: times[1]! - times[0]! }
  }

  it.each([0, 1])('in seconds is waited for: %i', async (seconds) => {
    const { delayMs, elapsedMs } = await waitOf(String(seconds))
    expect(delayMs).toBe(seconds * 1000)
    expect(elapsedMs).toBeGreaterThan(delayMs - 10)
  })

  it('as an HTTP date is waited for', async () => {
    expect((await waitOf(new Date(Date.now() - 5000).toUTCString())).delayMs).toBe(0)
    // A date has whole seconds: 2.5 s ahead becomes 1.5 to 2.5 s.
    const { delayMs, elapsedMs } = await waitOf(new Date(Date.now() + 2500).toUTCString())
    expect(delayMs).toBeGreaterThan(1000)
    expect(delayMs).toBeLessThanOrEqual(2500)
    expect(elapsedMs).toBeGreaterThan(delayMs - 10)
  })

  it('of more than a minute is reported rather than waited for', async () => {
    const server = await startServer((response) => {
      response.writeHead(503, { 'retry-after': '1800' }).end()
    })
    const attempt = async (): Promise<void> => {
      throw errorFromResponse(await send(server.url))
    }
    const error = await rejection(retry(attempt, { maxRetries: 5, signal: never }))
    expect(error).toBeInstanceOf(ServiceUnavailableError)
    expect(error).toMatchObject({ code: 'ERR_UNAVAILABLE', retryAfterMs: 1_800_000 })
    expect(server.seen).toHaveLength(1)
  })

  it('of exactly a minute is still waited for', () => {
    const asked = (retryAfterMs: number) =>
      retryDelayMs(new RateLimitError('ERR_RATE_LIMIT', '', { retryAfterMs }), 0)
    expect(asked(60_000)).toBe(60_000)
    expect(asked(60_001)).toBeUndefined()
  })
})

describe('back-off', () => {
  it('ends at once when the caller aborts', async () => {
    const caller = new AbortController()
    const { signal } = startDeadline(undefined, [caller.signal])
    const { attempt, attempts } = failing(
      new RateLimitError('ERR_RATE_LIMIT', '', { retryAfterMs: 50_000 }),
    )
    const start = performance.now()
    const error = await rejection(
      retry(attempt, {
        maxRetries: 2,
        signal,
        onRetry: () =>
          setTimeout(() => {
            caller.abort()
          }, 30),
      }),
    )
    expect(error).toBeInstanceOf(APIConnectionError)
    expect(error).toMatchObject({ code: 'ERR_ABORTED' })
    expect(performance.now() - start).toBeLessThan(2000)
    expect(attempts()).toBe(1)
  })

  it('does not begin when the caller has already aborted', async () => {
    const { signal } = startDeadline(undefined, [AbortSignal.abort()])
    const { attempt, attempts } = failing(new APIConnectionError('ERR_NETWORK', ''))
    const error = await rejection(retry(attempt, { maxRetries: 2, signal }))
    expect(error).toMatchObject({ code: 'ERR_ABORTED' })
    expect(attempts()).toBe(1)
  })

  it('takes the measured time', async () => {
    const { attempt, attempts } = failing(new APIConnectionError('ERR_NETWORK', ''))
    const delays: number[] = []
    const start = performance.now()
    await rejection(
      retry(attempt, {
        maxRetries: 1,
        signal: never,
        onRetry: (_error, delayMs) => delays.push(delayMs),
      }),
    )
    expect(attempts()).toBe(2)
    expect(delays).toHaveLength(1)
    expect(performance.now() - start).toBeGreaterThan(delays[0]! - 10)
  })

  it('doubles from one second to eight, less up to half of it', () => {
    const error = new APIConnectionError('ERR_NETWORK', '')
    for (let retries = 0; retries < 60; retries++) {
      const longest = [1000, 2000, 4000][retries] ?? 8000
      for (let run = 0; run < 200; run++) {
        const delayMs = retryDelayMs(error, retries)
        expect(delayMs).toBeGreaterThanOrEqual(longest / 2)
        expect(delayMs).toBeLessThan(longest)
      }
    }
    expect(retryDelayMs(error, 5000)).toBeLessThan(8000)
  })

  it('differs from one client to the next, over the whole range', () => {
    const error = new ServerError('ERR_SERVER', '')
    const delays = Array.from({ length: 1000 }, () => retryDelayMs(error, 0)!)
    expect(new Set(delays).size).toBeGreaterThan(900)
    expect(Math.min(...delays)).toBeLessThan(550)
    expect(Math.max(...delays)).toBeGreaterThan(950)
  })
})
