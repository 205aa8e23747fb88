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

export function requireObject(value: unknown, name: string): void {
  require(isRecord(value), `${name} must be an object`)
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
