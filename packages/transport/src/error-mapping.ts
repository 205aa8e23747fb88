import {
  APIError,
  AuthenticationError,
  ForbiddenError,
  InvalidRequestError,
  RateLimitError,
  ServerError,
  ServiceUnavailableError,
  type APIErrorCode,
  type SealedError,
} from './errors.js'
import { checkArgument } from './check-argument.js'
import { parseRetryAfter } from './http/retry-after.js'
import type { TransportResponse } from './transport.js'

/** Enough for a sentence or two; the server gets no more of a log. */
const MAX_DETAIL_CHARACTERS = 500

type Kind = readonly [type: typeof APIError, code: APIErrorCode, prefix: string, fallback: string]

const SERVER: Kind = [ServerError, 'ERR_SERVER', 'Server error: ', 'Internal server error']
const KINDS: Readonly<Record<number, Kind>> = {
  400: [InvalidRequestError, 'ERR_BAD_REQUEST', 'Bad request: ', 'Unknown error'],
  401: [AuthenticationError, 'ERR_AUTHENTICATION', '', 'Invalid API key or authentication failed'],
  403: [
    ForbiddenError,
    'ERR_FORBIDDEN',
    'Forbidden: ',
    'Model not allowed for the requested security tier',
  ],
  404: [APIError, 'ERR_NOT_FOUND', 'Endpoint not found: ', 'Secure inference not enabled'],
  429: [RateLimitError, 'ERR_RATE_LIMIT', 'Rate limit exceeded: ', 'Too many requests'],
  500: SERVER,
  502: SERVER,
  503: [
    ServiceUnavailableError,
    'ERR_UNAVAILABLE',
    'Service unavailable: ',
    'Inference backend is unavailable',
  ],
  504: SERVER,
}

/**
 * Builds the error for a response that is not a 200. Its body may be unauthenticated: the message
 * quotes it shortened and without control characters, or the error that was encrypted in it.
 *
 * @param sealedError - decrypted by the caller
 * @param facts - `authenticated`: the caller decrypted the whole response. Default false
 */
export function errorFromResponse(
  response: TransportResponse,
  payloadId?: string,
  sealedError?: SealedError,
  facts: { readonly authenticated?: boolean } = {},
): APIError {
  const authenticated = (Object(facts) as typeof facts).authenticated === true
  const { status, header } = Object(response) as TransportResponse
  const isResponse = typeof header === 'function' && typeof status === 'number'
  checkArgument(isResponse, 'response', 'one of a Transport')
  checkArgument(payloadId === undefined || typeof payloadId === 'string', 'payloadId', 'a text')
  const isSealed =
    sealedError === undefined || typeof (Object(sealedError) as SealedError).message === 'string'
  checkArgument(isSealed, 'sealedError', 'a decrypted error')
  const details = parseBody(response.body)
  // Its decrypted form takes its place.
  if (sealedError !== undefined) {
    const member = authenticated ? 'error' : 'sealed_error'
    delete (details as Record<string, unknown> | undefined)?.[member]
  }
  const unexpected = `Unexpected status code: ${String(status)} `
  const [type, code, prefix, fallback] = KINDS[status] ?? [
    APIError,
    'ERR_UNEXPECTED_STATUS',
    unexpected,
    'unknown',
  ]
  const isNotJson = status === 400 && details === undefined
  const detail =
    printable(sealedError?.message ?? detailOf(details)) ??
    (isNotJson ? 'Invalid response format' : fallback)
  return new type(code, prefix + detail, {
    statusCode: status,
    errorDetails: details,
    payloadId,
    retryAfterMs: parseRetryAfter((name) => response.header(name), Date.now()),
    sealedError,
    authenticated,
  })
}

/** Parses the body as JSON; undefined for anything else. */
function parseBody(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown
  } catch {
    return undefined
  }
}

/** FastAPI sends `detail`: a text, or a list of validation errors. */
function detailOf(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'detail')) return undefined
  const { detail } = body as { detail: unknown }
  if (detail === null) return undefined
  return typeof detail === 'string' ? detail : jsonText(detail)
}

/** Shortens a text and makes it safe to print. */
function printable(text: string | undefined): string | undefined {
  // Control and formatting characters could steer a terminal, forge log lines or reverse text.
  const clean = text?.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
  return clean !== undefined && clean.length > MAX_DETAIL_CHARACTERS
    ? `${clean.slice(0, MAX_DETAIL_CHARACTERS)}...`
    : clean
}

/** Encodes as JSON; undefined for a value nested too deep, since encoding recurses where parsing does not. */
function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
