import { sendBytes, sendJson } from '../gateway/send.js'
import { checkNumber, checkOptions, httpFault, invalidFault, type HttpFault } from './fault.js'

/** The wait that is requested of callers. */
export interface RetryAfter {
  /** Sent as `Retry-After`. Default: none is sent. */
  retryAfterSeconds?: number
}

/**
 * Responds with 429, with or without a `Retry-After`.
 *
 * A correct client waits and sends the request again, encrypted anew; for a wait of more than a minute it
 * throws `RateLimitError` at once, with `retryAfterMs`.
 */
export function rateLimited(options: RetryAfter = {}): HttpFault {
  return refusal('rateLimited', 429, 'Too many requests', options)
}

/**
 * Responds with 503, with or without a `Retry-After`.
 *
 * A correct client acts as for {@link rateLimited}, and ends in `ServiceUnavailableError`.
 */
export function unavailable(options: RetryAfter = {}): HttpFault {
  return refusal('unavailable', 503, 'Inference backend is unavailable', options)
}

/**
 * Responds with any status and a body of `{"detail": detail}`, or an empty one without a detail.
 *
 * A correct client throws the class for it, and retries after 429, 500, 502, 503 and 504 only.
 *
 * @param detail - a text, or any other JSON value, as some servers send it
 */
export function status(code: number, detail?: unknown): HttpFault {
  checkNumber('the status', code, 200, 599)
  return httpFault('status', ({ response }) => {
    if (detail === undefined) sendBytes(response, new Uint8Array(), { status: code })
    else sendJson(response, { detail }, { status: code })
  })
}

/**
 * Responds with a redirect.
 *
 * A correct client does not follow it: the target is another server, with another key.
 *
 * @param to - the `Location`
 * @param code - default 307, which keeps method and body
 */
export function redirect(to: string, code: 301 | 302 | 303 | 307 | 308 = 307): HttpFault {
  if (typeof to !== 'string') throw invalidFault('the target must be a string')
  checkNumber('the status', code, 300, 399)
  return httpFault('redirect', ({ response }) => {
    sendBytes(response, new Uint8Array(), { status: code, headers: { location: to } })
  })
}

function refusal(name: string, code: number, detail: string, options: RetryAfter): HttpFault {
  const { retryAfterSeconds } = checkOptions(options)
  if (retryAfterSeconds !== undefined) checkNumber('retryAfterSeconds', retryAfterSeconds, 0)
  const headers =
    retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
  return httpFault(name, ({ response }) => {
    sendJson(response, { detail }, { status: code, headers })
  })
}
