import { AttestationError } from '@nomyo/attest/errors'
import { SecurityError } from '@nomyo/crypto/errors'
import { APIError } from '@nomyo/transport/errors'
import { SERVED } from './routes.js'

/**
 * The status for keys or an answer that cannot be trusted. SDKs retry after 408, 409, 429, every 5xx and
 * every fetch that throws, and would keep sending prompts to a server that failed the check; LangChain
 * retries after 422 as well. 400, 401 and 403 would read as the caller's mistake. None of them retries
 * after 406.
 */
const NOT_TRUSTED = 406

/** The code of OpenAI's API for an exhausted quota, which gateways send beside their text. */
const QUOTA = 'insufficient_quota'

/** The longest wait for a retry, as for the client's own retries. */
const LONGEST_RETRY_AFTER_MS = 60_000

/** The status of a request that this client refuses, by its code; 400 otherwise. */
const LOCAL_STATUS: Readonly<Record<string, number>> = {
  ERR_REQUEST_TOO_LARGE: 413,
  ERR_ROUTE: 404,
}

/** Builds the response of OpenAI's API for a failure. It holds no more than the error itself. */
export function errorResponse(error: unknown): Response {
  return error instanceof APIError ? apiErrorResponse(error) : notTrustedResponse(error)
}

/** Builds the response to every call but those that are served. */
export const unsupportedRouteResponse = (): Response =>
  response(404, {
    message:
      `Nothing was sent: this fetch serves ${SERVED} only. ` +
      'Use another client for the rest of the API; its requests are not end-to-end encrypted.',
    code: 'ERR_ROUTE',
  })

/** Builds the response to a call of `createNomyoFetch` as if it were a `fetch`, in the shapes of both APIs. */
export function notCalledResponse(): Response {
  const message =
    'Nothing was sent: fetch is createNomyoFetch itself; call it: fetch: createNomyoFetch().'
  const error = { message, type: typeOf(400), param: null, code: 'ERR_INVALID_OPTION' }
  return Response.json({ error, detail: message }, { status: 400 })
}

/** Builds the response of OpenAI's API for a model that the list does not have. */
export const modelNotFoundResponse = (): Response =>
  response(404, { message: 'The gateway has no such model.', code: 'model_not_found' })

/** Builds the response for a list that is none. */
export const noModelListResponse = (): Response =>
  response(502, { message: 'The gateway sent no list of models.', code: 'ERR_UNEXPECTED_STATUS' })

function apiErrorResponse(error: APIError): Response {
  // Without a status this client refused it, before anything was sent.
  const { statusCode = LOCAL_STATUS[error.code] ?? 400, sealedError } = error
  // With a status that is no error (such as 201) this text would pass for an answer.
  const isError = statusCode >= 400 && statusCode <= 599
  const mayRetry = isError && (error.retryAfterMs ?? 0) <= LONGEST_RETRY_AFTER_MS
  // The SDK gets the error of the model server as from the server itself.
  const status = sealedError?.status ?? (isError ? statusCode : 502)
  return response(status, sealedError ?? quotaError(error) ?? error, error, mayRetry)
}

/** Names an exhausted quota as OpenAI's API does: retries are of no use. */
function quotaError({ statusCode, errorDetails, message }: APIError): ErrorMembers | undefined {
  const { code } = (errorDetails ?? {}) as { code?: unknown }
  return statusCode === 429 && code === QUOTA ? { message, type: QUOTA, code: QUOTA } : undefined
}

/** Covers every other error: one attempt too few is better than one too many. */
function notTrustedResponse(error: unknown): Response {
  const { message, code, payloadId } = isSecurityFailure(error) ? error : unexpected
  return response(
    NOT_TRUSTED,
    { message, type: 'nomyo_security_error', code },
    { payloadId },
    false,
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

function response(
  status: number,
  { message, type, param = null, code }: ErrorMembers,
  { payloadId, retryAfterMs, sealedError }: Facts = {},
  mayRetry = true,
): Response {
  const headers = new Headers({ 'content-type': 'application/json', 'cache-control': 'no-store' })
  if (payloadId !== undefined) headers.set('x-request-id', payloadId)
  if (sealedError !== undefined) headers.set('x-nomyo-error', 'sealed')
  if (!mayRetry) headers.set('x-should-retry', 'false')
  if (retryAfterMs !== undefined) {
    headers.set('retry-after', String(Math.ceil(retryAfterMs / 1000)))
    headers.set('retry-after-ms', String(retryAfterMs))
  }
  const error = { message, type: type ?? typeOf(status), param, code }
  return new Response(JSON.stringify({ error }), { status, headers })
}

/** Facts of an error that become headers. */
interface Facts {
  readonly payloadId?: string | undefined
  readonly retryAfterMs?: number
  readonly sealedError?: object
}

/** Members of an error of OpenAI's API. */
interface ErrorMembers {
  readonly message: string
  readonly type?: string | null
  readonly param?: string | null
  readonly code: string | null
}
