import { describe, expect, it, onTestFinished, vi } from 'vitest'
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
    new APIConnectionError('ERR_TRUNCATED', '', atOnce),
  ])('is repeated after a transient fault: $name $code', async (error) => {
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
  ])('is not repeated after a permanent one: %s', async (error) => {
    const { attempt, attempts } = failing(error)
    expect(await rejection(retry(attempt, { maxRetries: 2, signal: never }))).toBe(error)
    expect(attempts()).toBe(1)
  })

  it.each([0, 1, 2, 7])('is repeated up to %i times', async (maxRetries) => {
    const { attempt, attempts } = failing(new ServerError('ERR_SERVER', '', atOnce))
    await rejection(retry(attempt, { maxRetries, signal: never }))
    expect(attempts()).toBe(maxRetries + 1)
  })

  it('is not repeated where the caller forbids it', async () => {
    const error = new ServerError('ERR_SERVER', '', atOnce)
    const { attempt, attempts } = failing(error)
    const asked: unknown[] = []
    const mayRetry = (failure: unknown): boolean => asked.push(failure) < 2
    const repeating = retry(attempt, { maxRetries: 9, signal: never, mayRetry })
    expect(await rejection(repeating)).toBe(error)
    expect(attempts()).toBe(2)
    expect(asked).toEqual([error, error])
  })

  it('is forgotten as soon as one succeeds', async () => {
    const reported: unknown[] = []
    const error = new ServerError('ERR_SERVER', '', { retryAfterMs: 1 })
    let attempts = 0
    const result = await retry(
      () => (++attempts < 3 ? Promise.reject(error) : Promise.resolve('done')),
      { maxRetries: 5, signal: never, onRetry: (...facts) => reported.push(facts) },
    )
    expect(result).toBe('done')
    expect(attempts).toBe(3)
    expect(reported).toEqual([
      [error, 1],
      [error, 1],
    ])
  })
})

describe('Retry-After', () => {
  /** Sends a request to a server that is busy once; returns the wait, reported and slept. */
  async function waitOf(retryAfter: string): Promise<number> {
    const delays: number[] = []
    const sleeps: number[] = []
    const server = await startServer((response) => {
      if (server.seen.length > 1) response.end()
      else response.writeHead(429, { 'retry-after': retryAfter }).end()
    })
    await retry(
      async () => {
        const response = await send(server.url)
        if (response.status !== 200) throw errorFromResponse(response)
      },
      {
        maxRetries: 1,
        signal: never,
        onRetry: (_error, delayMs) => delays.push(delayMs),
        sleep: (delayMs) => Promise.resolve(void sleeps.push(delayMs)),
      },
    )
    expect(server.seen).toHaveLength(2)
    expect(sleeps).toEqual(delays)
    expect(delays).toHaveLength(1)
    return delays[0]!
  }

  it.each([0, 1, 60])('in seconds is waited for: %i', async (seconds) => {
    expect(await waitOf(String(seconds))).toBe(seconds * 1000)
  })

  it('as an HTTP date is waited for', async () => {
    expect(await waitOf(new Date(Date.now() - 5000).toUTCString())).toBe(0)
    // The header has whole seconds, and the request takes some time.
    const delayMs = await waitOf(new Date(Date.now() + 50_000).toUTCString())
    expect(delayMs).toBeGreaterThan(20_000)
    expect(delayMs).toBeLessThanOrEqual(50_000)
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
    expect(attempts()).toBe(1)
  })

  it('does not begin when the caller has already aborted', async () => {
    const { signal } = startDeadline(undefined, [AbortSignal.abort()])
    const { attempt, attempts } = failing(new APIConnectionError('ERR_NETWORK', ''))
    const error = await rejection(retry(attempt, { maxRetries: 2, signal }))
    expect(error).toMatchObject({ code: 'ERR_ABORTED' })
    expect(attempts()).toBe(1)
  })

  it('takes the reported time', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { attempt, attempts } = failing(new APIConnectionError('ERR_NETWORK', ''))
    const delays: number[] = []
    const failure = rejection(
      retry(attempt, {
        maxRetries: 1,
        signal: never,
        onRetry: (_error, delayMs) => delays.push(delayMs),
      }),
    )
    await vi.waitFor(() => expect(delays).toHaveLength(1), { interval: 0 })
    await vi.advanceTimersByTimeAsync(Math.floor(delays[0]!) - 1)
    expect(attempts()).toBe(1)
    await vi.advanceTimersByTimeAsync(2)
    await failure
    expect(attempts()).toBe(2)
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
