/**
 * Why a {@link SecurityError} was thrown. Codes are stable; message texts are not.
 *
 * - `ERR_ENVELOPE_INVALID`: not a well-formed envelope (framing, JSON, member types, base64, lengths)
 * - `ERR_ENVELOPE_UNSUPPORTED`: a version or algorithm this suite does not speak
 * - `ERR_ENVELOPE_TOO_LARGE`: larger or deeper nested than allowed; nothing was decoded
 * - `ERR_DECRYPTION_FAILED`: could not be opened; deliberately says nothing about the cause
 * - `ERR_PLAINTEXT_INVALID`: opened, but the content is not a UTF-8 JSON object
 * - `ERR_KEY_INVALID`: not a well-formed key, or one whose parts contradict each other
 * - `ERR_KEY_TYPE`: a well-formed key or certificate of another kind than asked for
 * - `ERR_KEY_WEAK`: an RSA key that gives no protection (size, modulus or exponent)
 * - `ERR_KEY_LIMIT`: a key so large that working with it would be an attack
 * - `ERR_KEY_PASSWORD`: password missing, wrong, or given for a key that has none
 * - `ERR_KEY_MISMATCH`: public key and private key do not belong together
 * - `ERR_KEY_NOT_EXTRACTABLE`: the private key was made or loaded without `extractable: true`
 * - `ERR_KEY_DISPOSED`: used after `dispose()`
 * - `ERR_KEY_FILE`: a key file could not be read or written, or one of a pair is missing
 * - `ERR_INSECURE_URL`: plain `http://` without the explicit permission for it
 * - `ERR_SERVER_KEY_CHANGED`: the server shows another key than the one known for it
 * - `ERR_REPLY_MISMATCH`: a genuine answer, but to another request
 * - `ERR_REPLY_REPLAYED`: an answer that was already received once
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
  | 'ERR_INSECURE_URL'
  | 'ERR_SERVER_KEY_CHANGED'
  | 'ERR_REPLY_MISMATCH'
  | 'ERR_REPLY_REPLAYED'

/** Shared by every copy of this module, so that `instanceof` holds where an application has two of them. */
const brand = Symbol.for('nomyo.SecurityError')

/**
 * Something about a key or an envelope is not as it must be. Stop: trying again cannot help.
 *
 * Never carries key material, plaintext or passwords.
 */
export class SecurityError extends Error {
  declare readonly name: 'SecurityError'
  /** What went wrong, for programs. */
  readonly code: SecurityErrorCode
  /** The request concerned, where there is one. */
  declare payloadId?: string

  static {
    // On the prototype, where the engine finds it when it writes the first line of the stack.
    Object.defineProperty(this.prototype, 'name', { value: 'SecurityError' })
  }

  constructor(code: SecurityErrorCode, message: string) {
    super(message)
    this.code = code
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
