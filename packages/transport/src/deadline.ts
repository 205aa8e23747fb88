import { APIConnectionError } from './errors.js'

/** A time limit and a caller's signal, joined into one. */
export interface Deadline {
  /** Aborted with the very error to throw. */
  readonly signal: AbortSignal
  /** Ends it now, with this error. */
  abort(error: APIConnectionError): void
  /** Stops the clock; call it when the work is done. */
  clear(): void
}

/**
 * Starts a deadline: its signal aborts with `ERR_TIMEOUT` after `timeoutMs` (never, if undefined), and
 * with `ERR_ABORTED` (or with the signal's own reason where that is already an error of this package)
 * as soon as one of the given signals does.
 *
 * Does what `AbortSignal.any` does, but holds on to long-lived signals only until it is cleared.
 */
export function startDeadline(
  timeoutMs: number | undefined,
  signals: readonly (AbortSignal | undefined)[] = [],
): Deadline {
  const controller = new AbortController()
  const abort = (error: APIConnectionError): void => {
    controller.abort(error)
  }
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          abort(timedOut(timeoutMs))
        }, timeoutMs)
  const unsubscribe = signals.map((signal) => follow(signal, abort))
  return {
    signal: controller.signal,
    abort,
    clear() {
      clearTimeout(timer)
      for (const stop of unsubscribe) stop()
    },
  }
}

/** Waits for a promise no longer than a signal allows; what the promise does later is ignored. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = follow(signal, reject)
    promise.finally(forget).then(resolve, reject)
  })
}

function timedOut(timeoutMs: number): APIConnectionError {
  return new APIConnectionError(
    'ERR_TIMEOUT',
    `No complete answer within ${String(timeoutMs)} ms. Raise \`timeout\` if the model needs longer.`,
  )
}

/** Calls `abort` as soon as the signal does, once, unless that is given up before. */
function follow(
  signal: AbortSignal | undefined,
  abort: (error: APIConnectionError) => void,
): () => void {
  const stop = (): void => {
    abort(abortError(signal?.reason))
  }
  if (signal?.aborted === true) stop()
  signal?.addEventListener('abort', stop, { once: true })
  return () => {
    signal?.removeEventListener('abort', stop)
  }
}

/** A reason given by a caller may be anything; only errors of this package are passed on as they are. */
function abortError(reason: unknown): APIConnectionError {
  return reason instanceof APIConnectionError
    ? reason
    : new APIConnectionError('ERR_ABORTED', 'The request was aborted by the caller.')
}
