import { checkArgument, isAmount } from './check-argument.js'
import { APIConnectionError } from './errors.js'

/** A time limit and a caller's signal, joined into one. */
export interface Deadline {
  /** Aborts with the error to throw. */
  readonly signal: AbortSignal
  /** Ends the deadline now, with this error. */
  abort(error: APIConnectionError): void
  /**
   * Starts the time anew: from now on the signal aborts with `ERR_TIMEOUT` after `timeoutMs`, or never, if
   * undefined.
   *
   * @param what - begins the message of the error
   * @throws InvalidRequestError `ERR_INVALID_OPTION` for a time that is none
   */
  restart(timeoutMs: number | undefined, what?: string): void
  /** Stops the timer; call it when the work is done. */
  clear(): void
}

/**
 * Starts a deadline: its signal aborts with `ERR_TIMEOUT` after `timeoutMs` (never, if undefined), and
 * with `ERR_ABORTED` (or with the signal's own reason where that is already an error of this package)
 * as soon as one of the given signals does.
 *
 * Like `AbortSignal.any`, but it references long-lived signals only until it is cleared.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION` for a time or a signal that is none
 * @example
 * ```ts
 * import { abortable, startDeadline } from '@nomyo/transport'
 *
 * const deadline = startDeadline(5000)
 * try {
 *   await abortable(Promise.resolve('any work'), deadline.signal)
 * } finally {
 *   deadline.clear()
 * }
 * ```
 */
export function startDeadline(
  timeoutMs: number | undefined,
  signals: readonly (AbortSignal | undefined)[] = [],
): Deadline {
  checkArgument(Array.isArray(signals), 'signals', 'an array')
  const controller = new AbortController()
  const abort = (error: APIConnectionError): void => {
    controller.abort(error)
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  const restart = (ms: number | undefined, what = 'No complete answer'): void => {
    // Timers hold 31 bits; a longer one would fire at once.
    const isTime = ms === undefined || (isAmount(ms) && ms < 2 ** 31)
    checkArgument(isTime, 'timeoutMs', 'a number of milliseconds below 2^31')
    clearTimeout(timer)
    timer =
      ms === undefined
        ? undefined
        : setTimeout(() => {
            abort(timedOut(what, ms))
          }, ms)
  }
  restart(timeoutMs)
  const unsubscribe = signals.map((signal) => follow(signal, abort))
  return {
    signal: controller.signal,
    abort,
    restart,
    clear() {
      clearTimeout(timer)
      for (const stop of unsubscribe) stop()
    },
  }
}

/** Waits for a promise until the signal aborts; a later result of the promise is ignored. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = follow(signal, reject)
    Promise.resolve(promise).finally(forget).then(resolve, reject)
  })
}

function timedOut(what: string, timeoutMs: number): APIConnectionError {
  return new APIConnectionError(
    'ERR_TIMEOUT',
    `${what} within ${String(timeoutMs)} ms. Raise the timeout if the model needs longer.`,
  )
}

/** Calls `abort` once, as soon as the signal aborts; returns a function that unsubscribes. */
function follow(
  signal: AbortSignal | undefined,
  abort: (error: APIConnectionError) => void,
): () => void {
  const isSignal = signal === undefined || 'addEventListener' in Object(signal)
  checkArgument(isSignal, 'signal', 'an AbortSignal')
  const stop = (): void => {
    abort(abortError(signal?.reason))
  }
  if (signal?.aborted === true) stop()
  signal?.addEventListener('abort', stop, { once: true })
  return () => {
    signal?.removeEventListener('abort', stop)
  }
}

/** A caller's reason may be anything; only errors of this package are passed on unchanged. */
function abortError(reason: unknown): APIConnectionError {
  return reason instanceof APIConnectionError
    ? reason
    : new APIConnectionError('ERR_ABORTED', 'The request was aborted by the caller.')
}
