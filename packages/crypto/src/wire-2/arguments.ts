import { SecurityError } from '../errors.js'

/** Returns an argument that is a whole number in a range. @throws SecurityError `ERR_ARGUMENT_INVALID` */
export function checkedNumber(name: string, value: unknown, least: number, most: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) {
    return value as number
  }
  throw invalidArgument(`${name} must be a whole number from ${least} to ${most}.`)
}

export function invalidArgument(message: string): SecurityError {
  return new SecurityError('ERR_ARGUMENT_INVALID', message)
}
