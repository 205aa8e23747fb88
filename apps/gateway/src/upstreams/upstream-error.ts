import { HttpError } from '../http-error.js'

/** What went wrong with one upstream, and what follows from it. */
export class UpstreamFault extends Error {
  override readonly name = 'UpstreamFault'
  /** What the caller is told when nobody else is asked. */
  readonly refusal: HttpError
  /** Nothing of an answer was received and no time was lost: another upstream may be asked. */
  readonly unanswered: boolean
  /** Whether the fault is of the upstream as a whole rather than of this request. */
  readonly sick: boolean

  constructor(refusal: HttpError, { unanswered = false, sick = false } = {}) {
    super(refusal.message)
    this.refusal = refusal
    this.unanswered = unanswered
    this.sick = sick
  }
}

/** What a status of the model server means to the caller of the gateway. */
export function statusFault(
  statusCode: number,
  retryAfter: string | string[] | undefined,
): UpstreamFault {
  const refusal = refusalOf(statusCode, seconds(retryAfter))
  const gone = [502, 503, 504].includes(statusCode)
  return new UpstreamFault(refusal, { unanswered: gone, sick: gone })
}

/** A connection that failed before the headers of an answer. */
export function connectFault(error: unknown): UpstreamFault {
  // Who took too long may be at work still: the same again elsewhere would double the wait and the work.
  return codeOf(error) === 'UND_ERR_HEADERS_TIMEOUT'
    ? timeoutFault()
    : new UpstreamFault(unavailable(), { unanswered: true, sick: true })
}

/** A connection that failed within an answer. */
export function bodyFault(error: unknown): UpstreamFault {
  switch (codeOf(error)) {
    case 'UND_ERR_BODY_TIMEOUT':
      return timeoutFault()
    case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
      return unusableFault()
    default:
      return new UpstreamFault(unavailable(), { sick: true })
  }
}

export const timeoutFault = (): UpstreamFault =>
  new UpstreamFault(new HttpError(504, 'The inference backend took too long'), { sick: true })

export const unusableFault = (): UpstreamFault =>
  new UpstreamFault(new HttpError(502, 'The inference backend gave an unusable answer'))

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
      // Also 401 and 403: the gateway's own credentials are no business of its callers.
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

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined
