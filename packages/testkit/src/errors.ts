/**
 * How the testkit was used wrongly. Codes are stable; message texts are not.
 *
 * - `ERR_INVALID_OPTION`: an option there is not, or a value it cannot take
 * - `ERR_INVALID_FAULT`: not a fault, or one that does not fit where it was given
 * - `ERR_GATEWAY_CLOSED`: used after `close()`
 */
export type TestkitErrorCode = 'ERR_INVALID_OPTION' | 'ERR_INVALID_FAULT' | 'ERR_GATEWAY_CLOSED'

/** The test itself is wrong: correct the call the stack points at. */
export class TestkitError extends Error {
  override readonly name = 'TestkitError'
  readonly code: TestkitErrorCode

  constructor(code: TestkitErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
