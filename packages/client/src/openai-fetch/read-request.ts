import { InvalidRequestError } from '@nomyo/transport/errors'
import type { ChatCompletionRequest } from '../types/request.js'
import type { FetchCall } from './fetch-call.js'
import { readBody } from './read-body.js'
import { isObject } from '../config/checks.js'

/** A request of an OpenAI client: the chat request and the form of its answer. */
export interface OpenAIRequest {
  readonly request: ChatCompletionRequest
  readonly stream: boolean
  readonly includeUsage: boolean
}

/**
 * Reads the body and the headers for the key, if the SDK's is used, and `x-security-tier`. Members of the
 * body win over headers; a tier of null is none. No other header is sent.
 *
 * @throws InvalidRequestError `ERR_INVALID_REQUEST`, `ERR_REQUEST_TOO_LARGE`
 */
export async function readRequest(call: FetchCall, usesSdkKey: boolean): Promise<OpenAIRequest> {
  const headers = readHeaders(call.headers)
  const body = parseObject(await readBody(call.body, call.signal))
  // The form of the answer is not sent to the gateway.
  const { stream, stream_options: streamOptions, ...members } = body
  const apiKey = usesSdkKey ? keyIn(headers) : undefined
  const securityTier = members['security_tier'] ?? headers.get('x-security-tier')
  return {
    request: {
      ...(apiKey === undefined ? {} : { api_key: apiKey }),
      ...members,
      ...(securityTier === null ? {} : { security_tier: securityTier }),
      // The client checks the members it needs, and names the wrong one.
    } as unknown as ChatCompletionRequest,
    stream: stream === true,
    includeUsage: isObject(streamOptions) && streamOptions['include_usage'] === true,
  }
}

export function readHeaders(headers: HeadersInit | undefined): Headers {
  try {
    return new Headers(headers)
  } catch {
    // The engine's message quotes the value, which may be a key.
    throw invalid('a header is not valid')
  }
}

/** Returns the key of an SDK: a bearer token, or the header that Azure's uses. */
export const keyIn = (headers: Headers): string | undefined =>
  /^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1] ??
  headers.get('api-key') ??
  undefined

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // Not JSON: the same as JSON of another kind. The engine's message would quote it.
  }
  throw invalid('the body must be a JSON object')
}

const invalid = (why: string): InvalidRequestError =>
  new InvalidRequestError('ERR_INVALID_REQUEST', `Nothing was sent: ${why}.`)
