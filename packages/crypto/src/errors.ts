/**
 * The cause of a {@link SecurityError}. Codes are stable; message texts are not.
 *
 * - `ERR_ENVELOPE_INVALID`: not a well-formed envelope (framing, JSON, member types, base64, lengths)
 * - `ERR_ENVELOPE_UNSUPPORTED`: a version or algorithm that this suite does not support
 * - `ERR_ENVELOPE_TOO_LARGE`: larger or nested deeper than allowed; nothing was decrypted
 * - `ERR_DECRYPTION_FAILED`: could not be decrypted; deliberately reveals nothing about the cause
 * - `ERR_PLAINTEXT_INVALID`: decrypted, but the content is not a UTF-8 JSON object
 * - `ERR_KEY_INVALID`: not a well-formed key, or one whose parts contradict each other
 * - `ERR_KEY_TYPE`: a well-formed key or certificate of another kind than expected
 * - `ERR_KEY_WEAK`: an RSA key that does not protect (size, modulus or exponent)
 * - `ERR_KEY_LIMIT`: a key so large that using it exhausts the machine
 * - `ERR_KEY_PASSWORD`: password missing, wrong, or given for a key that is not encrypted
 * - `ERR_KEY_MISMATCH`: public key and private key do not belong together
 * - `ERR_KEY_NOT_EXTRACTABLE`: the private key was generated or loaded without `extractable: true`
 * - `ERR_KEY_DISPOSED`: used after `dispose()`
 * - `ERR_KEY_FILE`: a key file could not be read or written, or one of a pair is missing
 * - `ERR_ARGUMENT_INVALID`: an argument or an option of the wrong kind, which the message names
 * - `ERR_INSECURE_URL`: plain `http://` without explicit permission
 * - `ERR_SERVER_KEY_CHANGED`: the server presents another key than the known one
 * - `ERR_WIRE_DOWNGRADE`: a server that is known to speak wire 2, or must, seems to offer only wire 1
 * - `ERR_REPLY_MISMATCH`: a genuine answer to another request
 * - `ERR_REPLY_REPLAYED`: an answer that was received before
 * - `ERR_TRUNCATED`: an encrypted message that was cut off before its end
 * - `ERR_STATEMENT_INVALID`: a key statement that is malformed, or that no identity key signed
 * - `ERR_STATEMENT_EXPIRED`: a key statement that is not valid at this time; or the clock is wrong
 */
export type SecurityErrorCode =
  | 'ERR_ENVELOPE_INVALID'
  | 'ERR_ENVELOPE_UNSUPPORTED'
  | 'ERR_ENVELOPE_TOO_LARGE'
  | 'ERR_DECRYPTION_FAILED'
  | 'ERR_PLAINTEXT_INVALID'
  | 'ERR_KEY_INVALID'
  | 'ERR_KEY_TYPE'
  | 'ERR_KEY_WEAK'
  | 'ERR_KEY_LIMIT'
  | 'ERR_KEY_PASSWORD'
  | 'ERR_KEY_MISMATCH'
  | 'ERR_KEY_NOT_EXTRACTABLE'
  | 'ERR_KEY_DISPOSED'
  | 'ERR_KEY_FILE'
  | 'ERR_ARGUMENT_INVALID'
  | 'ERR_INSECURE_URL'
  | 'ERR_SERVER_KEY_CHANGED'
  | 'ERR_WIRE_DOWNGRADE'
  | 'ERR_REPLY_MISMATCH'
  | 'ERR_REPLY_REPLAYED'
  | 'ERR_TRUNCATED'
  | 'ERR_STATEMENT_INVALID'
  | 'ERR_STATEMENT_EXPIRED'

/** Shared by all copies of this module, so that `instanceof` holds across copies. */
const brand = Symbol.for('nomyo.SecurityError')

/**
 * An error about a key or an envelope that must not be used. Stop: a retry cannot help.
 *
 * Never carries key material, plaintext or passwords.
 */
export class SecurityError extends Error {
  declare readonly name: 'SecurityError'
  /** The cause, for programs. */
  readonly code: SecurityErrorCode
  /** The id of the request concerned, where there is one. */
  declare payloadId?: string

  static {
    // On the prototype, where the engine looks it up for the first line of the stack.
    Object.defineProperty(this.prototype, 'name', { value: 'SecurityError' })
  }

  constructor(code: SecurityErrorCode, message: string) {
    super(message)
    this.code = code
    Object.defineProperty(this, brand, { value: true })
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A class derived by a user has no name of its own: the ordinary rule applies.
    if (!Object.hasOwn(this.prototype, 'name')) {
      return Function.prototype[Symbol.hasInstance].call(this, value)
    }
    return typeof value === 'object' && value !== null && brand in value
  }
}
