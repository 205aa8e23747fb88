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
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          controller.abort(timedOut(timeoutMs))
        }, timeoutMs)
  const unsubscribe = signals.map((signal) => follow(signal, controller))
  return {
    signal: controller.signal,
    abort(error) {
      controller.abort(error)
    },
    clear() {
      clearTimeout(timer)
      for (const stop of unsubscribe) stop()
    },
  }
}

/** Waits for a promise no longer than a signal allows; what the promise does later is ignored. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const stopped = stopOf(signal)
  try {
    return await Promise.race([promise, stopped.promise])
  } finally {
    stopped.forget()
  }
}

function timedOut(timeoutMs: number): APIConnectionError {
  return new APIConnectionError(
    'ERR_TIMEOUT',
    `No complete answer within ${String(timeoutMs)} ms. Raise \`timeout\` if the model needs longer.`,
  )
}

function follow(signal: AbortSignal | undefined, controller: AbortController): () => void {
  if (signal === undefined) return () => undefined
  const stop = (): void => {
    controller.abort(abortError(signal.reason))
  }
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  return () => {
    signal.removeEventListener('abort', stop)
  }
}

/** A reason given by a caller may be anything; only errors of this package are passed on as they are. */
function abortError(reason: unknown): APIConnectionError {
  return reason instanceof APIConnectionError
    ? reason
    : new APIConnectionError('ERR_ABORTED', 'The request was aborted by the caller.')
}

function stopOf(signal: AbortSignal): { promise: Promise<never>; forget: () => void } {
  let stop = (): void => undefined
  const promise = new Promise<never>((_, reject) => {
    stop = () => {
      reject(abortError(signal.reason))
    }
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  // The race may be over before the rejection comes.
  promise.catch(() => undefined)
  return {
    promise,
    forget: () => {
      signal.removeEventListener('abort', stop)
    },
  }
}
