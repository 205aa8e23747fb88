/** A refusal meant for the caller: everything in it is sent as it is, in plaintext. */
export class HttpError extends Error {
  readonly statusCode: number
  /** Seconds for `Retry-After`. */
  readonly retryAfterSeconds: number | undefined

  constructor(statusCode: number, detail: string, retryAfterSeconds?: number) {
    super(detail)
    this.name = 'HttpError'
    this.statusCode = statusCode
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** The body of every refusal, in the shape the clients know. */
export const errorBody = (detail: string): { detail: string } => ({ detail })
