/** Reasons of refusals, for logs and metrics. Each is fixed: none contains anything of a request. */
export const REFUSAL_CODES = [
  'busy',
  'cooling_down',
  'date_invalid',
  'fault',
  'header_invalid',
  'in_progress',
  'insufficient_quota',
  'misdirected',
  'no_evidence',
  'not_allowed',
  'not_found',
  'page_refused',
  'rate_limited',
  'replay',
  'request_invalid',
  'request_too_large',
  'state_unavailable',
  'statement_changed',
  'unauthorized',
  'undecryptable',
  'unsupported',
  'upstream_busy',
  'upstream_failed',
  'upstream_refused',
  'upstream_timeout',
  'upstream_unavailable',
  'wire_refused',
] as const

/** Reason of a refusal. */
export type RefusalCode = (typeof REFUSAL_CODES)[number]

/** Codes of the statuses that mostly have one reason. */
const CODE_OF_STATUS: Readonly<Record<number, RefusalCode>> = {
  400: 'request_invalid',
  401: 'unauthorized',
  403: 'not_allowed',
  404: 'not_found',
  405: 'not_found',
  409: 'replay',
  413: 'request_too_large',
  415: 'unsupported',
  421: 'page_refused',
  426: 'wire_refused',
  429: 'rate_limited',
  500: 'fault',
  502: 'upstream_failed',
  503: 'busy',
  504: 'upstream_timeout',
}

/** Refusal for the caller. All of it but its code is sent, in plaintext. */
export class HttpError extends Error {
  override readonly name: string = 'HttpError'
  readonly statusCode: number
  /** Seconds for `Retry-After`. */
  readonly retryAfterSeconds: number | undefined
  readonly code: RefusalCode

  constructor(
    statusCode: number,
    detail: string,
    retryAfterSeconds?: number,
    code: RefusalCode = CODE_OF_STATUS[statusCode] ?? 'request_invalid',
  ) {
    super(detail)
    this.statusCode = statusCode
    this.retryAfterSeconds = retryAfterSeconds
    this.code = code
  }
}

/**
 * Creates the body of a refusal, in the shape that clients parse.
 *
 * @param extra - members that older clients ignore: a code, an envelope
 */
export const errorBody = (
  detail: string,
  { code, sealedError }: { code?: string | undefined; sealedError?: unknown } = {},
): { detail: string } => ({
  detail,
  ...(code === undefined ? {} : { code }),
  ...(sealedError === undefined ? {} : { sealed_error: sealedError }),
})
