import { TestkitError } from '../errors.js'
import type {
  CompletionExchange,
  HttpExchange,
  SealedExchange,
  StatementExchange,
} from '../exchange.js'

/** A fault of HTTP, for completions over either wire, key fetches and statement fetches. */
export interface HttpFault {
  readonly name: string
  readonly appliesTo: 'any'
  /** Answers instead of the gateway; may also never answer. */
  readonly answer: (exchange: HttpExchange) => void | Promise<void>
}

/** A fault that needs a request encrypted over wire 1. */
export interface CompletionFault {
  readonly name: string
  readonly appliesTo: 'completion'
  /** Answers instead of the gateway; may also never answer. */
  readonly answer: (exchange: CompletionExchange) => void | Promise<void>
}

/** A fault that needs a request encrypted over wire 2. */
export interface SealedFault {
  readonly name: string
  readonly appliesTo: 'wire-2'
  /** Answers instead of the gateway; may also never answer. */
  readonly answer: (exchange: SealedExchange) => void | Promise<void>
}

/** A fault of the key statement of wire 2. */
export interface StatementFault {
  readonly name: string
  readonly appliesTo: 'statement'
  /** Answers instead of the gateway; may also never answer. */
  readonly answer: (exchange: StatementExchange) => void | Promise<void>
}

/** A wrong response: one of `faults`, or any object of this shape. */
export type Fault = HttpFault | CompletionFault | SealedFault

/** Creates a fault of HTTP. */
export const httpFault = (name: string, answer: HttpFault['answer']): HttpFault =>
  Object.freeze({ name, appliesTo: 'any', answer })

/** Creates a fault that needs an encrypted request. */
export const completionFault = (name: string, answer: CompletionFault['answer']): CompletionFault =>
  Object.freeze({ name, appliesTo: 'completion', answer })

/** Creates a fault that needs a request encrypted over wire 2. */
export const sealedFault = (name: string, answer: SealedFault['answer']): SealedFault =>
  Object.freeze({ name, appliesTo: 'wire-2', answer })

/** Creates a fault of the key statement. */
export const statementFault = (name: string, answer: StatementFault['answer']): StatementFault =>
  Object.freeze({ name, appliesTo: 'statement', answer })

/**
 * Checks for a fault of a request.
 *
 * @throws TestkitError `ERR_INVALID_FAULT`
 */
export function checkFault(fault: unknown, where: string): asserts fault is Fault {
  checkAnyFault(fault, where)
  if (fault.appliesTo !== 'statement') return
  throw invalidFault(
    `${where} got ${fault.name}, a fault of the key statement; pass it to statementFetch`,
  )
}

function checkAnyFault(fault: unknown, where: string): asserts fault is Fault | StatementFault {
  if (typeof fault === 'function') {
    throw invalidFault(`${where} got a function; call it, as in faults.${fault.name || 'hang'}()`)
  }
  const isFault =
    typeof fault === 'object' &&
    fault !== null &&
    'name' in fault &&
    'answer' in fault &&
    typeof fault.answer === 'function'
  if (!isFault) throw invalidFault(`${where} takes faults, such as faults.hang()`)
}

/**
 * Checks for a fault of HTTP.
 *
 * @throws TestkitError `ERR_INVALID_FAULT`
 */
export function checkHttpFault(fault: unknown, where: string): asserts fault is HttpFault {
  checkFault(fault, where)
  if (fault.appliesTo === 'any') return
  throw invalidFault(
    `${where} got ${fault.name}, which needs an encrypted request; pass it to next or always`,
  )
}

/**
 * Checks for a fault of a fetch of the key statement.
 *
 * @throws TestkitError `ERR_INVALID_FAULT`
 */
export function checkStatementFault(
  fault: unknown,
  where: string,
): asserts fault is HttpFault | StatementFault {
  checkAnyFault(fault, where)
  if (fault.appliesTo === 'any' || fault.appliesTo === 'statement') return
  throw invalidFault(
    `${where} got ${fault.name}, which needs an encrypted request; pass it to next or always`,
  )
}

/** Returns the options of a fault. @throws TestkitError `ERR_INVALID_FAULT` for another kind of value */
export function checkOptions<T extends object>(options: T): T {
  if (Object.prototype.toString.call(options) === '[object Object]') return options
  throw invalidFault('the options of a fault must be an object')
}

/** @throws TestkitError `ERR_INVALID_FAULT` for a number out of range */
export function checkNumber(name: string, value: number, min: number, max = Infinity): void {
  if (Number.isFinite(value) && value >= min && value <= max) return
  const range = max === Infinity ? `${min} or more` : `from ${min} to ${max}`
  throw invalidFault(`${name} must be a number, ${range}`)
}

/** Builds the error for an invalid fault. */
export const invalidFault = (what: string): TestkitError =>
  new TestkitError('ERR_INVALID_FAULT', `${what}.`)
