import { InvalidRequestError } from './errors.js'

/**
 * Refuses an argument of a wrong kind; NaN in place of a limit would be none.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the argument
 */
export function checkArgument(isValid: boolean, name: string, kind: string): void {
  if (!isValid) throw new InvalidRequestError('ERR_INVALID_OPTION', `${name} must be ${kind}.`)
}
