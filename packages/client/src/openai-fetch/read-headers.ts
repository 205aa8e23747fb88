import { InvalidRequestError } from '@nomyo/transport/errors'
import type { FetchCall } from './fetch-call.js'
import { takesForm } from './routes.js'

/** The headers of a call that are sent, encrypted, and the key in them. */
export interface SentHeaders {
  readonly headers: Headers
  readonly apiKey: string | undefined
}

/**
 * Reads the headers of a call: the key, if the SDK's is used, `x-security-tier`, the media types, and the length of
 * a stream. No other header is used.
 *
 * @throws InvalidRequestError `ERR_INVALID_REQUEST`
 */
export function readHeaders(call: FetchCall, path: string, usesSdkKey: boolean): SentHeaders {
  const given = parse(call.headers)
  const apiKey = usesSdkKey ? keyIn(given) : undefined
  const headers = new Headers()
  for (const name of ['x-security-tier', 'accept', 'content-type', 'content-length']) {
    const value = given.get(name)
    if (value !== null) headers.set(name, value)
  }
  // A text, say, is JSON all the same.
  if (call.method === 'POST' && !takesForm(path)) headers.set('content-type', 'application/json')
  if (apiKey !== undefined) headers.set('authorization', `Bearer ${apiKey}`)
  return { headers, apiKey }
}

function parse(headers: HeadersInit | undefined): Headers {
  try {
    return new Headers(headers)
  } catch {
    // The engine's message quotes the value, which may be a key.
    throw new InvalidRequestError('ERR_INVALID_REQUEST', 'Nothing was sent: a header is not valid.')
  }
}

/** Returns the key of an SDK: a bearer token, or the header that Azure's uses. */
const keyIn = (headers: Headers): string | undefined =>
  /^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1] ??
  headers.get('api-key') ??
  undefined
