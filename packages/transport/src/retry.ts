import { abortable } from './deadline.js'
import {
  APIConnectionError,
  APIError,
  RateLimitError,
  ServerError,
  ServiceUnavailableError,
  type ConnectionErrorCode,
} from './errors.js'

const FIRST_DELAY_MS = 1000
const LONGEST_DELAY_MS = 8000
/** A server that asks for more gets no second try: the caller learns how long to stay away. */
const LONGEST_RETRY_AFTER_MS = 60_000

/** How often and how long to try. */
export interface RetryOptions {
  /** Extra attempts after the first. */
  readonly maxRetries: number
  /** Ends the waiting between attempts. */
  readonly signal: AbortSignal
  /** Told before each wait. */
  readonly onRetry?: (error: unknown, delayMs: number) => void
}

/**
 * Runs `attempt` again after faults that may pass (429, 500, 502, 503, 504, network), with
 * exponential back-off and jitter, or as long as the server asked for. What cannot pass is thrown
 * at once.
 */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let retries = 0; ; retries++) {
    try {
      return await attempt()
    } catch (error) {
      const delayMs = retryDelayMs(error, retries)
      if (delayMs === undefined || retries >= options.maxRetries) throw error
      options.onRetry?.(error, delayMs)
      await delay(delayMs, options.signal)
    }
  }
}

/** How long to wait before trying again; undefined when trying again is of no use. */
export function retryDelayMs(error: unknown, retries: number): number | undefined {
  if (!isPassing(error)) return undefined
  const asked = error.retryAfterMs
  if (asked !== undefined) return asked > LONGEST_RETRY_AFTER_MS ? undefined : asked
  const longest = Math.min(FIRST_DELAY_MS * 2 ** retries, LONGEST_DELAY_MS)
  // Between half and all of it: many clients that failed together do not come back together.
  return longest * (0.5 + randomFraction() / 2)
}

const PASSING_CONNECTION_ERRORS: ReadonlySet<ConnectionErrorCode> = new Set([
  'ERR_NETWORK',
  'ERR_TIMEOUT',
  'ERR_RESPONSE_TOO_LARGE',
])

function isPassing(error: unknown): error is APIError | APIConnectionError {
  if (error instanceof APIConnectionError) return PASSING_CONNECTION_ERRORS.has(error.code)
  return (
    error instanceof RateLimitError ||
    error instanceof ServerError ||
    error instanceof ServiceUnavailableError
  )
}

/** In [0, 1). */
function randomFraction(): number {
  const [value = 0] = crypto.getRandomValues(new Uint32Array(1))
  return value / 2 ** 32
}

async function delay(delayMs: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, delayMs)
  })
  try {
    await abortable(elapsed, signal)
  } finally {
    clearTimeout(timer)
  }
}
