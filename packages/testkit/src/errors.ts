/**
 * The reason of a {@link TestkitError}. Codes are stable; message texts are not.
 *
 * - `ERR_INVALID_OPTION`: an unknown option, or an invalid value
 * - `ERR_INVALID_FAULT`: not a fault, or one that does not fit its use
 * - `ERR_GATEWAY_CLOSED`: use after `close()`
 */
export type TestkitErrorCode = 'ERR_INVALID_OPTION' | 'ERR_INVALID_FAULT' | 'ERR_GATEWAY_CLOSED'

/** A mistake of the test: correct the call that the stack points at. */
export class TestkitError extends Error {
  override readonly name = 'TestkitError'
  readonly code: TestkitErrorCode

  constructor(code: TestkitErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** A response of the gateway other than a completion: a status and a text for `detail`. */
export class Refusal extends Error {
  readonly status: number
  readonly detail: string

  constructor(status: number, detail: string) {
    super(detail)
    this.status = status
    this.detail = detail
  }
}
