import { checkArgument, checkFunction, checkSignal, isAmount } from './check-argument.js'
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
/** A longer wait is not waited for: the caller receives it as `retryAfterMs`. */
const LONGEST_RETRY_AFTER_MS = 60_000

/** Settings of {@link retry}. */
export interface RetryOptions {
  /** Extra attempts after the first. */
  readonly maxRetries: number
  /** Aborts the wait between attempts. */
  readonly signal: AbortSignal
  /** Returns false for an error that must not be retried, transient or not. */
  readonly mayRetry?: (error: unknown) => boolean
  /** Called before each wait. */
  readonly onRetry?: (error: unknown, delayMs: number) => void
  /** Waits between attempts. Default: a timer. */
  readonly sleep?: (delayMs: number, signal: AbortSignal) => Promise<void>
}

/**
 * Repeats `attempt` after transient faults (429, 500, 502, 503, 504, network), with exponential back-off
 * and jitter, or after the wait that the server requests. Throws any other error at once.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION` for a `maxRetries` that is no number
 * @example
 * ```ts
 * import { retry } from '@nomyo/transport'
 *
 * const { signal } = new AbortController()
 * const status = await retry(async () => (await fetch('https://gateway.example/health')).status, {
 *   maxRetries: 2,
 *   signal,
 *   onRetry: (error, delayMs) => console.log('retrying in', delayMs, 'ms', error),
 * })
 * console.log(status)
 * ```
 */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { maxRetries, signal, mayRetry, onRetry, sleep = delay } = Object(options) as RetryOptions
  checkFunction(attempt, 'attempt')
  for (const [name, value] of Object.entries({ sleep, mayRetry, onRetry })) {
    if (value !== undefined) checkFunction(value, name)
  }
  checkArgument(isAmount(maxRetries), 'maxRetries', 'a number from 0 on')
  checkSignal(signal)
  for (let retries = 0; ; retries++) {
    try {
      return await attempt()
    } catch (error) {
      const delayMs = retryDelayMs(error, retries)
      if (delayMs === undefined || retries >= maxRetries || mayRetry?.(error) === false) throw error
      onRetry?.(error, delayMs)
      await sleep(delayMs, signal)
    }
  }
}

/** Returns the wait before a retry; undefined when a retry is of no use. */
export function retryDelayMs(error: unknown, retries: number): number | undefined {
  if (!isTransient(error)) return undefined
  const asked = error.retryAfterMs
  if (asked !== undefined) return asked > LONGEST_RETRY_AFTER_MS ? undefined : asked
  const longest = Math.min(FIRST_DELAY_MS * 2 ** retries, LONGEST_DELAY_MS)
  // Between half and all of it: clients that failed together do not return together.
  return longest * (0.5 + randomFraction() / 2)
}

const TRANSIENT_CONNECTION_ERRORS: ReadonlySet<ConnectionErrorCode> = new Set([
  'ERR_NETWORK',
  'ERR_TIMEOUT',
  'ERR_RESPONSE_TOO_LARGE',
  'ERR_TRUNCATED',
])

function isTransient(error: unknown): error is APIError | APIConnectionError {
  if (error instanceof APIConnectionError) return TRANSIENT_CONNECTION_ERRORS.has(error.code)
  return (
    (error instanceof RateLimitError ||
      error instanceof ServerError ||
      error instanceof ServiceUnavailableError) &&
    isTransientStatus(error.sealedError?.status ?? 500)
  )
}

/** Checks the status of a model server: a gateway's own stands for several, some of them final. */
const isTransientStatus = (status: number): boolean => status === 429 || status >= 500

/** Returns a random number in [0, 1). */
function randomFraction(): number {
  const [value = 0] = crypto.getRandomValues(new Uint32Array(1))
  return value / 2 ** 32
}

/**
 * Waits until the time has passed.
 *
 * @throws APIConnectionError `ERR_ABORTED`, or the reason of the signal, as {@link startDeadline} has it
 *
 * @example
 * ```ts
 * import { delay } from '@nomyo/transport'
 *
 * await delay(1000, new AbortController().signal)
 * ```
 */
export async function delay(delayMs: number, signal: AbortSignal): Promise<void> {
  checkArgument(isAmount(delayMs), 'delayMs', 'a number of milliseconds')
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
