import {
  APIError,
  AuthenticationError,
  ForbiddenError,
  InvalidRequestError,
  RateLimitError,
  ServerError,
  ServiceUnavailableError,
} from './errors.js'
import { parseRetryAfter } from './retry-after.js'
import type { TransportResponse } from './transport.js'

/** Enough for a sentence or two; the server gets no more of a log. */
const MAX_DETAIL_CHARACTERS = 500

/**
 * Builds the error for a response that is not a 200. Its body is unauthenticated plaintext: the message
 * quotes it shortened and without control characters.
 */
export function errorFromResponse(response: TransportResponse, payloadId?: string): APIError {
  const { status } = response
  const details = parseBody(response.body)
  const detail = detailOf(details)
  const facts = {
    statusCode: status,
    errorDetails: details,
    payloadId,
    retryAfterMs: parseRetryAfter(response.header('retry-after'), Date.now()),
  }
  switch (status) {
    case 400: {
      const fallback = details === undefined ? 'Invalid response format' : 'Unknown error'
      return new InvalidRequestError('ERR_BAD_REQUEST', `Bad request: ${detail ?? fallback}`, facts)
    }
    case 401: {
      const message = detail ?? 'Invalid API key or authentication failed'
      return new AuthenticationError('ERR_AUTHENTICATION', message, facts)
    }
    case 403: {
      const reason = detail ?? 'Model not allowed for the requested security tier'
      return new ForbiddenError('ERR_FORBIDDEN', `Forbidden: ${reason}`, facts)
    }
    case 404: {
      const reason = detail ?? 'Secure inference not enabled'
      return new APIError('ERR_NOT_FOUND', `Endpoint not found: ${reason}`, facts)
    }
    case 429: {
      const reason = detail ?? 'Too many requests'
      return new RateLimitError('ERR_RATE_LIMIT', `Rate limit exceeded: ${reason}`, facts)
    }
    case 500:
    case 502:
    case 504:
      return new ServerError(
        'ERR_SERVER',
        `Server error: ${detail ?? 'Internal server error'}`,
        facts,
      )
    case 503: {
      const reason = detail ?? 'Inference backend is unavailable'
      return new ServiceUnavailableError('ERR_UNAVAILABLE', `Service unavailable: ${reason}`, facts)
    }
    default: {
      const message = `Unexpected status code: ${String(status)} ${detail ?? 'unknown'}`
      return new APIError('ERR_UNEXPECTED_STATUS', message, facts)
    }
  }
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
  const text = typeof detail === 'string' ? detail : jsonText(detail)
  if (text === undefined) return undefined
  // Control and formatting characters could steer a terminal, forge log lines or reverse text.
  const printable = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
  return printable.length > MAX_DETAIL_CHARACTERS
    ? `${printable.slice(0, MAX_DETAIL_CHARACTERS)}...`
    : printable
}

/** Encodes as JSON; undefined for a value nested too deep, since encoding recurses where parsing does not. */
function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
