/**
 * Code of a {@link TpmError}. Codes are stable; message texts are not.
 *
 * - `ERR_TPM_ADDRESS`: not an address of a TPM
 * - `ERR_TPM_INPUT`: an option or argument is invalid; nothing was sent
 * - `ERR_TPM_UNREACHABLE`: no connection, or it was lost before the whole response arrived
 * - `ERR_TPM_TIMEOUT`: no response, or no turn, within `timeoutMs`
 * - `ERR_TPM_BUSY`: too many command sequences are waiting
 * - `ERR_TPM_CLOSED`: used after `close()`
 * - `ERR_TPM_RESPONSE`: the response is not one of a TPM 2.0
 * - `ERR_TPM_COMMAND`: the TPM refused a command; `responseCode` has the reason
 * - `ERR_TPM_PCRS`: the selection cannot be parsed, or the TPM lacks a bank or PCR of it
 * - `ERR_TPM_PCRS_CHANGING`: the PCRs changed each time between reading and quoting them
 * - `ERR_TPM_AK`: the handle of the attestation key holds another key
 */
export type TpmErrorCode =
  | 'ERR_TPM_ADDRESS'
  | 'ERR_TPM_INPUT'
  | 'ERR_TPM_UNREACHABLE'
  | 'ERR_TPM_TIMEOUT'
  | 'ERR_TPM_BUSY'
  | 'ERR_TPM_CLOSED'
  | 'ERR_TPM_RESPONSE'
  | 'ERR_TPM_COMMAND'
  | 'ERR_TPM_PCRS'
  | 'ERR_TPM_PCRS_CHANGING'
  | 'ERR_TPM_AK'

/** Shared by all copies of this module, so that `instanceof` works between two of them. */
const brand = Symbol.for('nomyo.TpmError')

/** Error of a TPM, of the connection to it, or of the input to a command. Never carries an auth value. */
export class TpmError extends Error {
  declare readonly name: 'TpmError'
  /** The reason, for programs. */
  readonly code: TpmErrorCode
  /** TPM_RC of the response (Part 2, 6.6); only with `ERR_TPM_COMMAND`. */
  declare readonly responseCode?: number

  static {
    // On the prototype, where the engine reads it for the first line of the stack.
    Object.defineProperty(this.prototype, 'name', { value: 'TpmError' })
  }

  constructor(code: TpmErrorCode, message: string, responseCode?: number) {
    super(message)
    this.code = code
    if (responseCode !== undefined) this.responseCode = responseCode
    Object.defineProperty(this, brand, { value: true })
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A class that a user derives from this one has no own name here: the ordinary rule applies.
    if (!Object.hasOwn(this.prototype, 'name')) {
      return Function.prototype[Symbol.hasInstance].call(this, value)
    }
    return typeof value === 'object' && value !== null && brand in value
  }
}
