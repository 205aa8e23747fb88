import { TestkitError } from '../errors.js'
import type { CompletionExchange, HttpExchange } from '../exchange.js'

/** A fault of HTTP: fits completions and key fetches alike. */
export interface HttpFault {
  readonly name: string
  readonly appliesTo: 'any'
  /** Answers in the place of the gateway; may also never answer. */
  readonly answer: (exchange: HttpExchange) => void | Promise<void>
}

/** A fault that needs a sealed request. */
export interface CompletionFault {
  readonly name: string
  readonly appliesTo: 'completion'
  /** Answers in the place of the gateway; may also never answer. */
  readonly answer: (exchange: CompletionExchange) => void | Promise<void>
}

/** One way of answering wrongly. Those there are come from `faults`; any object of this shape will do. */
export type Fault = HttpFault | CompletionFault

/** Makes a fault of HTTP. */
export const httpFault = (name: string, answer: HttpFault['answer']): HttpFault =>
  Object.freeze({ name, appliesTo: 'any', answer })

/** Makes a fault that needs a sealed request. */
export const completionFault = (name: string, answer: CompletionFault['answer']): CompletionFault =>
  Object.freeze({ name, appliesTo: 'completion', answer })

/**
 * Refuses what is no fault.
 *
 * @throws TestkitError `ERR_INVALID_FAULT`
 */
export function checkFault(fault: unknown, where: string): asserts fault is Fault {
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
 * Refuses what is no fault of HTTP.
 *
 * @throws TestkitError `ERR_INVALID_FAULT`
 */
export function checkHttpFault(fault: unknown, where: string): asserts fault is HttpFault {
  checkFault(fault, where)
  if (fault.appliesTo === 'any') return
  throw invalidFault(
    `${where} got ${fault.name}, which needs a sealed request; give it to next or always`,
  )
}

/** @throws TestkitError `ERR_INVALID_FAULT` for a number that a fault cannot take */
export function checkNumber(name: string, value: number, min: number, max = Infinity): void {
  if (Number.isFinite(value) && value >= min && value <= max) return
  const range = max === Infinity ? `${min} or more` : `from ${min} to ${max}`
  throw invalidFault(`${name} must be a number, ${range}`)
}

/** The error for a fault that cannot be. */
export const invalidFault = (what: string): TestkitError =>
  new TestkitError('ERR_INVALID_FAULT', `${what}.`)
