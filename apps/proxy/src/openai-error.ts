import { APIConnectionError, APIError } from '@nomyo/client'

/** A refusal meant for the caller, in what OpenAI's API says of one. */
export class Refusal extends Error {
  readonly statusCode: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>

  constructor(
    statusCode: number,
    code: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
    this.name = 'Refusal'
    this.statusCode = statusCode
    this.code = code
    this.headers = headers
  }

  /** The body that goes with it. */
  get body(): OpenAIErrorBody {
    const { message, code } = this
    return { error: { message, type: typeOf(this.statusCode), param: null, code } }
  }
}

/** OpenAI's shape of an error. */
export interface OpenAIErrorBody {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: null
    readonly code: string
  }
}

/** What the gateway answered, or that it did not, as a refusal; undefined for errors of any other kind. */
export function refusalFrom(error: unknown): Refusal | undefined {
  if (error instanceof APIConnectionError) {
    return new Refusal(error.code === 'ERR_TIMEOUT' ? 504 : 502, error.code, error.message)
  }
  if (!(error instanceof APIError)) return undefined
  const { statusCode = 502, retryAfterMs } = error
  return new Refusal(
    // A status that is no error would pass this text off as an answer.
    statusCode >= 400 && statusCode <= 599 ? statusCode : 502,
    error.code,
    error.message,
    retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) },
  )
}

function typeOf(statusCode: number): string {
  if (statusCode >= 500) return 'server_error'
  return TYPES[statusCode] ?? 'invalid_request_error'
}

const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
}
