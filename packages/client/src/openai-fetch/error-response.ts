import { AttestationError } from '@nomyo/attest'
import { SecurityError } from '@nomyo/crypto/errors'
import { APIError } from '@nomyo/transport/errors'

/**
 * The status of "keys or the answer are not as they must be". SDKs try again after 408, 409, 429,
 * every 5xx and every fetch that throws, and would so keep sending prompts to whoever failed the
 * check; LangChain does so after 422 as well. 400, 401 and 403 would be taken for the caller's
 * mistake. 406 is left, which none of them tries again: there is no answer that can be accepted.
 */
const NOT_TRUSTED = 406

/** A server that asks for more gets no second try, as with the client's own retries. */
const LONGEST_RETRY_AFTER_MS = 60_000

/** A failure as OpenAI's API reports it. Says no more than the error itself does. */
export function errorResponse(error: unknown): Response {
  return error instanceof APIError ? apiErrorResponse(error) : notTrustedResponse(error)
}

/** The answer to every call but the one that is served. */
export function unsupportedRouteResponse(): Response {
  return response(404, {
    message:
      'This fetch serves POST .../chat/completions and nothing else; nothing was sent. ' +
      'Use another client for the rest of the API, and mind that what it sends is not sealed.',
    type: 'not_found_error',
    code: 'ERR_NOT_FOUND',
  })
}

function apiErrorResponse(error: APIError): Response {
  // Without a status it was refused on this side, before anything was sent.
  const { statusCode = 400, retryAfterMs, payloadId } = error
  // A status that is no error (201, say) would pass this text off as an answer.
  const isError = statusCode >= 400 && statusCode <= 599
  const status = isError ? statusCode : 502
  const mayRetry = isError && (retryAfterMs ?? 0) <= LONGEST_RETRY_AFTER_MS
  return response(
    status,
    { message: error.message, type: typeOf(status), code: error.code },
    {
      ...requestId(payloadId),
      ...(retryAfterMs === undefined ? {} : retryAfter(retryAfterMs)),
      ...(mayRetry ? {} : { 'x-should-retry': 'false' }),
    },
  )
}

/** For whatever is not known to be harmless: one try too few is better than one too many. */
function notTrustedResponse(error: unknown): Response {
  const { message, code, payloadId } = isSecurityFailure(error) ? error : unexpected
  return response(
    NOT_TRUSTED,
    { message, type: 'nomyo_security_error', code },
    { ...requestId(payloadId), 'x-should-retry': 'false' },
  )
}

interface SecurityFailure {
  readonly message: string
  readonly code: string
  readonly payloadId?: string | undefined
}

function isSecurityFailure(error: unknown): error is SecurityFailure {
  return error instanceof SecurityError || error instanceof AttestationError
}

/** In place of errors nobody foresaw, whose texts may hold anything. */
const unexpected: SecurityFailure = {
  message: 'The request failed in a way that was not foreseen; the answer, if any, was not used.',
  code: 'ERR_UNEXPECTED',
}

function typeOf(status: number): string {
  if (status >= 500) return 'server_error'
  return TYPES[status] ?? 'invalid_request_error'
}

const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
}

const requestId = (payloadId: string | undefined): Record<string, string> =>
  payloadId === undefined ? {} : { 'x-request-id': payloadId }

const retryAfter = (ms: number): Record<string, string> => ({
  'retry-after': String(Math.ceil(ms / 1000)),
  'retry-after-ms': String(ms),
})

function response(
  status: number,
  error: { message: string; type: string; code: string },
  headers: Record<string, string> = {},
): Response {
  return new Response(JSON.stringify({ error: { ...error, param: null } }), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  })
}
