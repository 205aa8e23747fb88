import { Refusal } from '../openai-error.js'
import { isMembers, type Members } from './members.js'

/** Error of Anthropic's API. */
export interface AnthropicError {
  readonly type: 'error'
  readonly error: { readonly type: string; readonly message: string; readonly code: string | null }
  readonly request_id: string | null
}

/** Creates the body of an error in Anthropic's shape, with the code of this proxy. */
export function anthropicError(
  statusCode: number,
  { message, code, type }: { message: string; code: string | null; type?: string | undefined },
  requestId: string | null = null,
): AnthropicError {
  const shown = type ?? TYPES[statusCode] ?? (statusCode >= 500 ? 'api_error' : INVALID)
  return { type: 'error', error: { type: shown, message, code }, request_id: requestId }
}

const INVALID = 'invalid_request_error'
const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
}

/** Type for keys and answers that cannot be trusted, which no API has. */
const SECURITY = 'nomyo_security_error'

/** Converts an error in OpenAI's shape. */
export function fromOpenAIError(
  statusCode: number,
  body: unknown,
  requestId: string | null,
): AnthropicError {
  const error: Members = isMembers(body) && isMembers(body['error']) ? body['error'] : {}
  const { message, code, type } = error
  return anthropicError(
    statusCode,
    {
      message: typeof message === 'string' ? message : 'The request failed.',
      code: typeof code === 'string' ? code : null,
      type: type === SECURITY ? SECURITY : undefined,
    },
    requestId,
  )
}

/** Creates the body of a refusal. */
export const fromRefusal = ({ statusCode, message, code }: Refusal): AnthropicError =>
  anthropicError(statusCode, { message, code })
