import { isObject } from '../config/checks.js'

/** Checks whether the member `wire` of the metadata of an answer says that its gateway speaks wire 2. */
export const namesStatement = (wire: unknown): boolean =>
  isObject(wire) && typeof wire['statement_sha256'] === 'string'
