import { InvalidRequestError } from '@nomyo/transport'

/**
 * Checks the value of an option and returns it.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
 */
export type Check<T> = (value: unknown, name: string) => T

/** An option: its check, and its value where it is not given. Required without a fallback. */
export interface Option<T> {
  readonly check: Check<T>
  readonly fallback?: T
}

/** The values of a table of options. */
export type Values<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends Option<infer T> ? T : never
}

/**
 * Checks options by a table of all that exist, so that a misspelt one is not silently ignored.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
 */
export function readOptions<Table extends Readonly<Record<string, Option<unknown>>>>(
  given: object,
  table: Table,
  prefix = '',
): Values<Table> {
  plainObject(given, prefix.replace(/\.$/, '') || 'options')
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(table, name)) continue
    throw invalidOption(
      prefix + name,
      `is not known; the options are ${Object.keys(table).join(', ')}`,
    )
  }
  const values = Object.entries(table).map(([name, option]) => {
    const value = (given as Record<string, unknown>)[name]
    const isMissing = value === undefined && 'fallback' in option
    return [name, isMissing ? option.fallback : option.check(value, prefix + name)]
  })
  return Object.freeze(Object.fromEntries(values)) as Values<Table>
}

/** Declares an option that may be missing. */
export const optional = <T>(check: Check<T>): Option<T | undefined> => ({
  check,
  fallback: undefined,
})

/** Declares an option with a default. */
export const withDefault = <T>(check: Check<T>, fallback: T): Option<T> => ({ check, fallback })

/** Checks for a whole number within bounds. */
export const integer =
  (min: number, max: number): Check<number> =>
  (value, name) => {
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) {
      return value as number
    }
    throw invalidOption(name, `must be a whole number from ${String(min)} to ${String(max)}`)
  }

/** Checks for true or false. */
export const boolean: Check<boolean> = (value, name) => {
  if (typeof value === 'boolean') return value
  throw invalidOption(name, 'must be true or false')
}

/** Checks for one of some values. */
export const oneOf =
  <T extends string | number>(...choices: readonly T[]): Check<T> =>
  (value, name) => {
    const choice = choices.find((candidate) => candidate === value)
    if (choice !== undefined) return choice
    throw invalidOption(name, `must be one of ${choices.join(', ')}`)
  }

/** Checks for a function. */
export const callback =
  <T>(): Check<T> =>
  (value, name) => {
    if (typeof value === 'function') return value as T
    throw invalidOption(name, 'must be a function')
  }

/** Checks for an API key that fits a header: visible ASCII. An empty one counts as none. */
export const apiKey: Check<string | undefined> = (value, name) => {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)) return value
  throw invalidOption(
    name,
    'must be visible ASCII characters, without a line break or blank at its end',
  )
}

/** Checks for a path. */
export const path: Check<string> = (value, name) => {
  if (typeof value === 'string' && value !== '') return value
  throw invalidOption(name, 'must be a path')
}

/** Checks for a password. */
export const password: Check<string> = (value, name) => {
  if (typeof value === 'string' && value !== '') return value
  throw invalidOption(name, 'must be a non-empty string')
}

/** Checks for bytes. */
export const bytes: Check<Uint8Array> = (value, name) => {
  if (value instanceof Uint8Array) return value
  throw invalidOption(name, 'must be a Uint8Array')
}

/** Checks for a signal, of whatever class. */
export const signal: Check<AbortSignal> = (value, name) => {
  // Other targets of events, such as a document, are never aborted.
  const { aborted, addEventListener, removeEventListener } = Object(value) as Partial<AbortSignal>
  const isTarget = [addEventListener, removeEventListener].every((one) => typeof one === 'function')
  if (typeof aborted === 'boolean' && isTarget) return value as AbortSignal
  throw invalidOption(name, 'must be an AbortSignal')
}

/**
 * Checks for an object that has members of its own. Members of any other (a URL, an array, a client) are
 * not seen, so that it would pass for one without members.
 *
 * @param example - completes the error
 */
export function plainObject<T extends object>(value: T, name: string, example = ''): T {
  const prototype: unknown = isObject(value) ? Object.getPrototypeOf(value) : undefined
  // Not compared with that of this realm: the object may come from another.
  if (prototype === null || (isObject(prototype) && Object.getPrototypeOf(prototype) === null)) {
    return value
  }
  throw invalidOption(name, `must be a plain object${example}`)
}

/** Checks for an object that is not a list. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Builds the error that names the option and the problem. */
export const invalidOption = (name: string, problem: string): InvalidRequestError =>
  new InvalidRequestError('ERR_INVALID_OPTION', `${name} ${problem}.`)
