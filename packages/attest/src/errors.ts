import type { AttestationResult } from './result.js'

/**
 * Why something of this package threw. Codes are stable; message texts are not.
 *
 * - `ERR_POLICY_INVALID`: the caller's own policy, anchor or reference value is unusable; nothing was judged
 * - `ERR_STRUCTURE_INVALID`: bytes that are not the TPM structure asked for
 * - `ERR_RECEIPT_INVALID`: a text that is no receipt, or one that contradicts itself
 * - `ERR_ATTESTATION_FAILED`: the appraisal did not reach the wanted tier
 */
export type AttestErrorCode =
  'ERR_POLICY_INVALID' | 'ERR_STRUCTURE_INVALID' | 'ERR_RECEIPT_INVALID' | 'ERR_ATTESTATION_FAILED'

/** Shared by every copy of this module, so that `instanceof` holds between two of them. */
const brand = Symbol.for('nomyo.attest.error')

abstract class AttestError extends Error {
  readonly code: AttestErrorCode

  constructor(code: AttestErrorCode, message: string) {
    super(message)
    this.code = code
    Object.defineProperty(this, brand, { value: this.name })
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A class a user derives from one of these has no name of its own here: the ordinary rule holds.
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

/** The policy, an anchor or a reference value cannot be used. Correct it: nothing was judged. */
export class PolicyError extends AttestError {
  static {
    nameClass(this, 'PolicyError')
  }

  constructor(message: string) {
    super('ERR_POLICY_INVALID', message)
  }
}

/** The bytes are not the TPM structure they were read as. */
export class TpmParseError extends AttestError {
  /** The field that could not be read, as the TPM 2.0 specification names it. */
  readonly field: string
  /** Where it was found, in bytes from the start of the structure. */
  readonly offset: number

  static {
    nameClass(this, 'TpmParseError')
  }

  constructor(field: string, offset: number, why: string) {
    super('ERR_STRUCTURE_INVALID', `${field} ${why} (at byte ${offset})`)
    this.field = field
    this.offset = offset
  }
}

/** The text is no receipt, or one that contradicts itself. */
export class ReceiptError extends AttestError {
  static {
    nameClass(this, 'ReceiptError')
  }

  constructor(message: string) {
    super('ERR_RECEIPT_INVALID', message)
  }
}

/** The appraisal did not reach the wanted tier. Do not trust the server; `result` says why. */
export class AttestationError extends AttestError {
  /** Everything that was found, check by check. */
  readonly result: AttestationResult
  /** The request concerned, where there is one. */
  declare payloadId?: string

  static {
    nameClass(this, 'AttestationError')
  }

  constructor(result: AttestationResult, wanted: string) {
    const causes = result.checks
      .filter(({ status }) => status === 'fail' || status === 'warn')
      .map(({ id, code }) => `${id} ${code}`)
    super(
      'ERR_ATTESTATION_FAILED',
      `attestation reached the tier "${result.tier}", wanted was "${wanted}"` +
        (causes.length === 0 ? '' : `: ${causes.join(', ')}`),
    )
    this.result = result
  }
}

/** On the prototype, where the engine finds it when it writes the first line of the stack. */
function nameClass(constructor: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(constructor.prototype, 'name', { value: name })
}
