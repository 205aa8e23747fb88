/**
 * Why a {@link TpmError} was thrown. Codes are stable; message texts are not.
 *
 * - `ERR_TPM_ADDRESS`: not an address of a TPM
 * - `ERR_TPM_INPUT`: an option or argument no command can be made of; nothing was sent
 * - `ERR_TPM_UNREACHABLE`: no connection, or it was lost before the whole answer was there
 * - `ERR_TPM_TIMEOUT`: no answer, or no turn, within `timeoutMs`
 * - `ERR_TPM_BUSY`: too many command sequences are waiting already
 * - `ERR_TPM_CLOSED`: used after `close()`
 * - `ERR_TPM_RESPONSE`: the answer is not what a TPM 2.0 answers; whatever is there is not one
 * - `ERR_TPM_COMMAND`: the TPM refused a command; `responseCode` says why
 * - `ERR_TPM_PCRS`: the selection cannot be read, or the TPM lacks a bank or PCR of it
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

/** Shared by every copy of this module, so that `instanceof` holds between two of them. */
const brand = Symbol.for('nomyo.TpmError')

/** Something about the TPM, the way to it, or what was asked of it. Never carries an auth value. */
export class TpmError extends Error {
  declare readonly name: 'TpmError'
  /** What went wrong, for programs. */
  readonly code: TpmErrorCode
  /** The TPM_RC the TPM answered with (Part 2, 6.6); only with `ERR_TPM_COMMAND`. */
  declare readonly responseCode?: number

  static {
    // On the prototype, where the engine finds it when it writes the first line of the stack.
    Object.defineProperty(this.prototype, 'name', { value: 'TpmError' })
  }

  constructor(code: TpmErrorCode, message: string, responseCode?: number) {
    super(message)
    this.code = code
    if (responseCode !== undefined) this.responseCode = responseCode
    Object.defineProperty(this, brand, { value: true })
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A class a user derives from this one has no name of its own here: the ordinary rule holds.
    if (!Object.hasOwn(this.prototype, 'name')) {
      return Function.prototype[Symbol.hasInstance].call(this, value)
    }
    return typeof value === 'object' && value !== null && brand in value
  }
}
