import { APIConnectionError, APIError, InvalidRequestError } from '@nomyo/client'

/** A refusal for the caller, with what OpenAI's API reports of an error. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
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
    this.statusCode = statusCode
    this.code = code
    this.headers = headers
  }

  /** Body in OpenAI's shape. */
  get body(): object {
    const { message, code, statusCode } = this
    const type = statusCode >= 500 ? 'server_error' : (TYPES[statusCode] ?? 'invalid_request_error')
    return { error: { message, type, param: null, code } }
  }
}

const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
}

/** Converts an error of the client about the gateway; undefined for errors of any other kind. */
export function refusalFrom(error: unknown): Refusal | undefined {
  if (error instanceof APIConnectionError) {
    return new Refusal(error.code === 'ERR_TIMEOUT' ? 504 : 502, error.code, error.message)
  }
  if (!(error instanceof APIError)) return undefined
  // Without a status, this machine refused the request.
  const ownStatus = error.code === 'ERR_REQUEST_TOO_LARGE' ? 413 : 400
  const { statusCode = error instanceof InvalidRequestError ? ownStatus : 502, retryAfterMs } =
    error
  return new Refusal(
    // A status of success would present this text as an answer.
    statusCode >= 400 && statusCode <= 599 ? statusCode : 502,
    error.code,
    error.message,
    retryAfterMs === undefined
      ? {}
      : {
          'retry-after': String(Math.ceil(retryAfterMs / 1000)),
          'retry-after-ms': String(retryAfterMs),
        },
  )
}
