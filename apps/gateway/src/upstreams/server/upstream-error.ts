import { errnoCode } from '@nomyo-internal/diagnostics'
import type { ErrorObject } from '../../confidential-refusal.js'
import { HttpError } from '../../http-error.js'
import { UpstreamRefusal, isRequestFault, missingRoute } from './upstream-refusal.js'

/** An error that is longer is cut. */
export const MAX_ERROR_BYTES = 64 * 1024
/** Callers wait no longer, whatever a server asks for. */
const MAX_RETRY_AFTER_S = 24 * 60 * 60

/** Kind of a failed attempt; a label of metrics. */
export type FailureKind =
  /** No connection: the request was not sent. */
  | 'connect'
  /** The connection ended before the end of the answer. */
  | 'dropped'
  | 'timeout'
  /** The server failed: 5xx and other statuses without a meaning for the request. */
  | 'error'
  /** 429. */
  | 'busy'
  /** 401, 402, 403 or 407: the key of the gateway at this server is wrong or exhausted. */
  | 'credentials'
  /** 404: no such model, or no such path. */
  | 'model'
  /** 404, 405 or 501 that names no model, of a route that not every server has. */
  | 'route'
  /** The request is invalid there: 400, 413, 422 and others of 4xx. */
  | 'refused'
  /** An answer that is no completion. */
  | 'unusable'
  /** An answer above the limit. */
  | 'oversized'

interface Consequences {
  /** `server`: its failure for certain. `unclear`: the request may have caused it. */
  readonly cause: 'server' | 'unclear' | 'request'
  /** Another server may have an answer, and the time for it is likely left. */
  readonly tryAnother: boolean
}

const CONSEQUENCES: Readonly<Record<FailureKind, Consequences>> = {
  connect: { cause: 'server', tryAnother: true },
  dropped: { cause: 'unclear', tryAnother: true },
  // The server may still be working: a second attempt would double the wait and the work.
  timeout: { cause: 'server', tryAnother: false },
  error: { cause: 'unclear', tryAnother: true },
  busy: { cause: 'unclear', tryAnother: true },
  credentials: { cause: 'unclear', tryAnother: true },
  model: { cause: 'request', tryAnother: true },
  route: { cause: 'request', tryAnother: true },
  refused: { cause: 'request', tryAnother: false },
  unusable: { cause: 'unclear', tryAnother: true },
  // Another server would write as much.
  oversized: { cause: 'request', tryAnother: false },
}

/** Facts about a failure beside its kind. */
export interface FailureFacts {
  /** Error code of the connection, or status of the answer. */
  readonly reason: string | number
  readonly note?: string | undefined
  readonly retryAfterMs?: number | undefined
}

/** Failed attempt at one model server. */
export class UpstreamError extends Error implements Consequences, FailureFacts {
  override readonly name = 'UpstreamError'
  readonly kind: FailureKind
  /** Refusal for the caller when no other model server answers. */
  readonly refusal: HttpError
  readonly reason: string | number
  readonly note: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(kind: FailureKind, refusal: HttpError, { reason, note, retryAfterMs }: FailureFacts) {
    super(refusal.message)
    this.kind = kind
    this.refusal = refusal
    this.reason = reason
    this.note = note
    this.retryAfterMs = retryAfterMs
  }

  override get cause(): Consequences['cause'] {
    return CONSEQUENCES[this.kind].cause
  }

  get tryAnother(): boolean {
    return CONSEQUENCES[this.kind].tryAnother
  }
}

/**
 * Translates the error of a model server, by its status.
 *
 * @param mayLackRoute - the route is one that not every server has. Default false
 */
export function refusedError(
  inner: ErrorObject,
  facts: FailureFacts,
  mayLackRoute = false,
): UpstreamError {
  if (mayLackRoute && lacksRoute(inner)) {
    return new UpstreamError('route', missingRoute(inner), facts)
  }
  const kind = kindOf(inner.status)
  if (kind === 'credentials') {
    // The key of the gateway, and perhaps its account, are named in the text.
    return new UpstreamError(kind, new HttpError(502, 'The inference backend failed'), facts)
  }
  const { retryAfterMs } = facts
  const seconds =
    retryAfterMs === undefined
      ? undefined
      : Math.min(Math.ceil(retryAfterMs / 1000), MAX_RETRY_AFTER_S)
  return new UpstreamError(kind, new UpstreamRefusal(inner, seconds), facts)
}

/** Recognises that a server lacks a route: where a model is missing, its error says so. */
function lacksRoute({ status, code, param, message }: ErrorObject): boolean {
  if (status === 405 || status === 501) return true
  return status === 404 && ![code, param, message].some((text) => /model/i.test(text ?? ''))
}

function kindOf(status: number): FailureKind {
  if (status === 404) return 'model'
  if (status === 429) return 'busy'
  if ([401, 402, 403, 407].includes(status)) return 'credentials'
  return isRequestFault(status) ? 'refused' : 'error'
}

/** Codes of a connection that was not made, so that no request was sent. */
const NOT_CONNECTED =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|EPROTO)$|^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH)/

/** Translates a connection that failed before or within an answer. */
export function connectionError(error: unknown): UpstreamError {
  const reason = errnoCode(error)
  switch (reason) {
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return timeoutError(reason)
    case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
      return oversizedError(reason)
    default: {
      const detail = 'Inference backend is unavailable'
      const refusal = new HttpError(503, detail, undefined, 'upstream_unavailable')
      return new UpstreamError(NOT_CONNECTED.test(reason) ? 'connect' : 'dropped', refusal, {
        reason,
      })
    }
  }
}

export const timeoutError = (reason: string): UpstreamError =>
  new UpstreamError('timeout', new HttpError(504, 'The inference backend took too long'), {
    reason,
  })

/** @param note - fixed text for the log */
export const unusableAnswerError = (status: number, note: string): UpstreamError =>
  new UpstreamError('unusable', unusable(), { reason: status, note })

/** @param reason - error code of the connection, or status of the answer */
export const oversizedError = (reason: string | number): UpstreamError =>
  new UpstreamError('oversized', unusable(), { reason })

const unusable = (): HttpError =>
  new HttpError(502, 'The inference backend gave an unusable answer')
