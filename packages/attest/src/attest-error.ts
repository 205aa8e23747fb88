/**
 * Code of an error of this package. Codes are stable; message texts are not.
 *
 * - `ERR_POLICY_INVALID`: the caller's own policy, anchor, reference value or other argument is
 *   unusable; nothing was appraised
 * - `ERR_STRUCTURE_INVALID`: the bytes are not the expected TPM structure
 * - `ERR_RECEIPT_INVALID`: the text is not a receipt, or one that contradicts itself
 * - `ERR_ATTESTATION_FAILED`: the appraisal did not reach the required tier
 */
export type AttestErrorCode =
  'ERR_POLICY_INVALID' | 'ERR_STRUCTURE_INVALID' | 'ERR_RECEIPT_INVALID' | 'ERR_ATTESTATION_FAILED'

/** Shared by all copies of this module, so that `instanceof` works between two of them. */
const brand = Symbol.for('nomyo.attest.error')

/** Base class of all errors of this package. */
export abstract class AttestError extends Error {
  readonly code: AttestErrorCode

  constructor(code: AttestErrorCode, message: string) {
    super(message)
    this.code = code
    Object.defineProperty(this, brand, { value: this.name })
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A class that a user derives from one of these has no own name here: the ordinary rule applies.
    if (!Object.hasOwn(this.prototype, 'name')) {
      return Function.prototype[Symbol.hasInstance].call(this, value)
    }
    return (
      typeof value === 'object' &&
      value !== null &&
      brand in value &&
      value[brand] === this.prototype.name
    )
  }
}

/** Error of a policy, an anchor or a reference value that cannot be used. Nothing was appraised. */
export class PolicyError extends AttestError {
  static {
    nameClass(this, 'PolicyError')
  }

  constructor(message: string) {
    super('ERR_POLICY_INVALID', message)
  }
}

/** Error of bytes that are not the expected TPM structure. */
export class TpmParseError extends AttestError {
  /** The invalid field, by its name in the TPM 2.0 specification. */
  readonly field: string
  /** Offset of the field, in bytes from the start of the structure; 0 in a log of lines. */
  readonly offset: number
  /** Number of the line from 1, in a log of lines. */
  readonly line: number | undefined

  static {
    nameClass(this, 'TpmParseError')
  }

  constructor(field: string, offset: number, why: string, line?: number) {
    const place = line === undefined ? `at byte ${offset}` : `in line ${line}`
    super('ERR_STRUCTURE_INVALID', `${field} ${why} (${place})`)
    this.field = field
    this.offset = offset
    this.line = line
  }
}

/** Error of a text that is not a receipt, or one that contradicts itself. */
export class ReceiptError extends AttestError {
  static {
    nameClass(this, 'ReceiptError')
  }

  constructor(message: string) {
    super('ERR_RECEIPT_INVALID', message)
  }
}

/** Sets the name on the prototype, where the engine reads it for the first line of the stack. */
export function nameClass(constructor: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(constructor.prototype, 'name', { value: name })
}
