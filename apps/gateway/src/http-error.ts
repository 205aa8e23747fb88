/** Refusal for the caller. All of it is sent, in plaintext. */
export class HttpError extends Error {
  override readonly name: string = 'HttpError'
  readonly statusCode: number
  /** Seconds for `Retry-After`. */
  readonly retryAfterSeconds: number | undefined

  constructor(statusCode: number, detail: string, retryAfterSeconds?: number) {
    super(detail)
    this.statusCode = statusCode
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/**
 * Creates the body of a refusal, in the shape that clients parse.
 *
 * @param sealedError - envelope, which older clients ignore
 */
export const errorBody = (detail: string, sealedError?: unknown): { detail: string } => ({
  detail,
  ...(sealedError === undefined ? {} : { sealed_error: sealedError }),
})
