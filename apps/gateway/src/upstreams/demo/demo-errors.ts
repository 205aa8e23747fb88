import { errorObject } from '../../confidential-refusal.js'
import { UpstreamRefusal } from '../server/upstream-refusal.js'

/** Models with this prefix answer with an error. They are not listed, so that no chooser offers them. */
const PREFIX = 'nomyo/error-'

type DemoError = readonly [
  status: number,
  code: string | null,
  param: string | null,
  message: string,
  retryAfterSeconds?: number,
]

const MODEL_NOT_FOUND: DemoError = [
  404,
  'model_not_found',
  'model',
  'The model does not exist, or you have no access to it.',
]

/** Errors of OpenAI's API, by the rest of a model's name. */
const ERRORS: ReadonlyMap<string, DemoError> = new Map<string, DemoError>([
  [
    'context-length',
    [
      400,
      'context_length_exceeded',
      'messages',
      "This model's maximum context length is 8 tokens. Reduce the length of the messages.",
    ],
  ],
  [
    'invalid-param',
    [400, 'decimal_above_max_value', 'temperature', "Invalid 'temperature': at most 2 is allowed."],
  ],
  [
    'content-filter',
    [400, 'content_filter', 'messages', 'The content filter refused the messages.'],
  ],
  ['model-not-found', MODEL_NOT_FOUND],
  ['rate-limit', [429, 'rate_limit_exceeded', null, 'Rate limit reached for requests.', 2]],
  ['server', [500, null, null, 'The model server had an error.']],
  ['overloaded', [503, 'overloaded', null, 'The model server is overloaded.', 1]],
  ['timeout', [504, 'timeout', null, 'The model took too long.']],
])

/** Returns the error that a model name asks for. */
export function demoError(model: string): UpstreamRefusal | undefined {
  if (!model.startsWith(PREFIX)) return undefined
  const error = ERRORS.get(model.slice(PREFIX.length)) ?? MODEL_NOT_FOUND
  const [status, code, param, text, retryAfterSeconds] = error
  const message = `[demo engine, not a model] ${text}`
  const inner = errorObject(status, { message, type: typeOf(status), param, code })
  return new UpstreamRefusal(inner, retryAfterSeconds)
}

function typeOf(status: number): string {
  if (status >= 500) return 'server_error'
  return status === 429 ? 'rate_limit_error' : 'invalid_request_error'
}
