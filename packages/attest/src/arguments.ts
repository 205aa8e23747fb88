import { PolicyError } from './attest-error.js'
import { isRecord } from './bytes/json.js'

/** Callers without types pass any value: each is checked where it is read. */
function require(isRight: boolean, expected: string): void {
  if (!isRight) throw new PolicyError(expected)
}

export function requireBytes(value: unknown, name: string): void {
  require(value instanceof Uint8Array, `${name} must be a Uint8Array`)
}

export function requireText(value: unknown, name: string): void {
  require(typeof value === 'string', `${name} must be a string`)
}

/** Bytes, a date or a URL would count as options that are all missing. */
export function requireObject(value: unknown, name: string): void {
  require(Object.prototype.toString.call(value) === '[object Object]', `${name} must be an object`)
}

/** Refuses everything but an object of this package, which one of its methods tells apart. */
export function requireMethod(value: unknown, name: string, method: string): void {
  require(isRecord(value) && typeof value[method] === 'function', `${name} must have ${method}()`)
}

export function requireCallback(value: unknown, name: string): void {
  require(value === undefined || typeof value === 'function', `${name} must be a function`)
}

export function requireDate(value: unknown, name: string): void {
  require(value instanceof Date, `${name} must be a Date`)
}

export function requireOneOf(value: unknown, name: string, choices: readonly unknown[]): void {
  require(choices.includes(value), `${name} must be one of ${choices.join(', ')}`)
}

/** @param isItem - checks each item, which must be an object */
export function requireList(
  value: unknown,
  name: string,
  isItem: (item: Record<string, unknown>) => boolean,
): void {
  const isList = Array.isArray(value) && value.every((item) => isRecord(item) && isItem(item))
  require(isList, `${name} must be a list of the right objects`)
}
