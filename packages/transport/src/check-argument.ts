import { InvalidRequestError } from './errors.js'

/**
 * Refuses an argument of a wrong kind; NaN in place of a limit would be none.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the argument
 */
export function checkArgument(isValid: boolean, name: string, kind: string): void {
  if (!isValid) throw new InvalidRequestError('ERR_INVALID_OPTION', `${name} must be ${kind}.`)
}

/** NaN is none, and neither is a text that JavaScript would convert. */
export const isAmount = (value: unknown): boolean => typeof value === 'number' && value >= 0

/** Refuses lists, maps and other objects whose members are not those of an object. */
export function checkObject(value: unknown, name: string): void {
  const kind = Object.prototype.toString.call(value)
  checkArgument(kind === '[object Object]', name, 'an object')
}

export function checkFunction(value: unknown, name: string): void {
  checkArgument(typeof value === 'function', name, 'a function')
}

export function checkSignal(value: unknown): void {
  checkArgument('aborted' in (Object(value) as object), 'signal', 'an AbortSignal')
}
