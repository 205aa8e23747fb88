import { AttestationError } from '@nomyo/attest'
import { SecurityError } from '@nomyo/crypto/errors'
import { APIError } from '@nomyo/transport/errors'

/**
 * The status for keys or an answer that cannot be trusted. SDKs retry after 408, 409, 429, every 5xx and
 * every fetch that throws, and would keep sending prompts to a server that failed the check; LangChain
 * retries after 422 as well. 400, 401 and 403 would read as the caller's mistake. None of them retries
 * after 406.
 */
const NOT_TRUSTED = 406

/** The longest wait for a retry, as for the client's own retries. */
const LONGEST_RETRY_AFTER_MS = 60_000

/** Builds the response of OpenAI's API for a failure. It holds no more than the error itself. */
export function errorResponse(error: unknown): Response {
  return error instanceof APIError ? apiErrorResponse(error) : notTrustedResponse(error)
}

/** Builds the response to every call but the one that is served. */
export function unsupportedRouteResponse(): Response {
  return response(404, {
    message:
      'This fetch serves POST .../chat/completions and nothing else; nothing was sent. ' +
      'Use another client for the rest of the API; its requests are not end-to-end encrypted.',
    type: 'not_found_error',
    code: 'ERR_NOT_FOUND',
  })
}

function apiErrorResponse(error: APIError): Response {
  // Without a status this client refused it, before anything was sent.
  const { statusCode = 400, retryAfterMs, payloadId, sealedError } = error
  // With a status that is no error (such as 201) this text would pass for an answer.
  const isError = statusCode >= 400 && statusCode <= 599
  // The model server's own words are what the SDK would get from it.
  const status = sealedError?.status ?? (isError ? statusCode : 502)
  const { message, code } = sealedError ?? error
  const mayRetry = isError && (retryAfterMs ?? 0) <= LONGEST_RETRY_AFTER_MS
  return response(
    status,
    { message, type: sealedError?.type ?? typeOf(status), param: sealedError?.param, code },
    {
      ...(sealedError === undefined ? {} : { 'x-nomyo-error': 'sealed' }),
      ...requestId(payloadId),
      ...(retryAfterMs === undefined ? {} : retryAfter(retryAfterMs)),
      ...(mayRetry ? {} : { 'x-should-retry': 'false' }),
    },
  )
}

/** Covers every other error: one attempt too few is better than one too many. */
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

/** Replaces unexpected errors, whose texts may hold anything. */
const unexpected: SecurityFailure = {
  message: 'The request failed unexpectedly; the answer, if any, was not used.',
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
  error: { message: string; type: string; param?: string | null | undefined; code: string | null },
  headers: Record<string, string> = {},
): Response {
  return new Response(JSON.stringify({ error: { ...error, param: error.param ?? null } }), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  })
}
