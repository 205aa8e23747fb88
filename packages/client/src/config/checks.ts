import { InvalidRequestError } from '@nomyo/transport'

/** A whole number within bounds; undefined when not given. */
export function integer(
  name: string,
  value: unknown,
  range: { min: number; max: number },
): number | undefined {
  if (value === undefined) return undefined
  if (
    typeof value === 'number' &&
    Number.isInteger(value) &&
    value >= range.min &&
    value <= range.max
  ) {
    return value
  }
  throw invalidOption(
    name,
    `must be a whole number from ${String(range.min)} to ${String(range.max)}`,
  )
}

/** True or false. */
export function boolean(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback
  if (typeof value === 'boolean') return value
  throw invalidOption(name, 'must be true or false')
}

/** The first of the choices is the default. */
export function oneOf<T extends string>(
  name: string,
  value: T | undefined,
  choices: readonly [T, ...T[]],
): T {
  if (value === undefined) return choices[0]
  if (choices.includes(value)) return value
  throw invalidOption(name, `must be one of ${choices.join(', ')}`)
}

/** A function, or nothing. */
export function callback<T>(name: string, value: T | undefined): T | undefined {
  if (value === undefined || typeof value === 'function') return value
  throw invalidOption(name, 'must be a function')
}

/** Names the option and what is wrong with it. */
export const invalidOption = (name: string, why: string): InvalidRequestError =>
  new InvalidRequestError('ERR_INVALID_OPTION', `${name} ${why}.`)

/** Every option by name, so that a misspelt one is not silently ignored. */
export function refuseUnknown(
  given: object,
  known: Readonly<Record<string, true>>,
  prefix = '',
): void {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(known, name)) {
      throw invalidOption(
        prefix + name,
        `is not known; the options are ${Object.keys(known).join(', ')}`,
      )
    }
  }
}
