import { errnoCode } from '@nomyo-internal/diagnostics'
import { HttpError } from '../http-error.js'

/** Failure of one model server, with its consequences. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError'
  /** Refusal for the caller when no other model server is tried. */
  readonly refusal: HttpError
  /** Another model server may be tried: nothing of an answer was received, and no time was lost. */
  readonly retryable: boolean
  /** The model server as a whole failed, not only this request. */
  readonly unhealthy: boolean

  constructor(refusal: HttpError, { retryable = false, unhealthy = false } = {}) {
    super(refusal.message)
    this.refusal = refusal
    this.retryable = retryable
    this.unhealthy = unhealthy
  }
}

/** Translates the status of a model server. */
export function statusError(
  statusCode: number,
  retryAfter: string | string[] | undefined,
): UpstreamError {
  const isDown = [502, 503, 504].includes(statusCode)
  const refusal = refusalOf(statusCode, seconds(retryAfter))
  return new UpstreamError(refusal, { retryable: isDown, unhealthy: isDown })
}

/** Translates a connection that failed before the headers of an answer. */
export function connectionError(error: unknown): UpstreamError {
  // A slow server may still be working: a second attempt elsewhere would double the wait and the work.
  return errnoCode(error) === 'UND_ERR_HEADERS_TIMEOUT'
    ? timeoutError()
    : new UpstreamError(unavailable(), { retryable: true, unhealthy: true })
}

/** Translates a connection that failed within an answer. */
export function bodyError(error: unknown): UpstreamError {
  switch (errnoCode(error)) {
    case 'UND_ERR_BODY_TIMEOUT':
      return timeoutError()
    case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
      return unusableAnswerError()
    default:
      return new UpstreamError(unavailable(), { unhealthy: true })
  }
}

export const timeoutError = (): UpstreamError =>
  new UpstreamError(new HttpError(504, 'The inference backend took too long'), { unhealthy: true })

export const unusableAnswerError = (): UpstreamError =>
  new UpstreamError(new HttpError(502, 'The inference backend gave an unusable answer'))

function refusalOf(statusCode: number, retryAfterSeconds: number | undefined): HttpError {
  switch (statusCode) {
    case 400:
    case 413:
    case 422:
      return new HttpError(400, 'The inference backend refused the request: check its parameters')
    case 404:
      return new HttpError(400, 'The inference backend does not have this model')
    case 429:
      return new HttpError(429, 'The inference backend is busy', retryAfterSeconds)
    case 503:
      return unavailable(retryAfterSeconds)
    case 504:
      return new HttpError(504, 'The inference backend took too long')
    default:
      // Also 401 and 403: the gateway's own credentials do not concern its callers.
      return new HttpError(502, 'The inference backend failed')
  }
}

const unavailable = (retryAfterSeconds?: number): HttpError =>
  new HttpError(503, 'Inference backend is unavailable', retryAfterSeconds)

function seconds(retryAfter: string | string[] | undefined): number | undefined {
  return typeof retryAfter === 'string' && /^\d{1,6}$/.test(retryAfter)
    ? Number(retryAfter)
    : undefined
}
