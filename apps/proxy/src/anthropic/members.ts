import { Refusal } from '../openai-error.js'

/** JSON object of unknown content. */
export type Members = Readonly<Record<string, unknown>>

export const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Creates the refusal of a request. The text names a place and never quotes a value. */
export const refuse = (path: string, problem: string): Refusal =>
  new Refusal(400, 'ERR_INVALID_REQUEST', `Nothing was sent: ${path} ${problem}.`)

/** @throws Refusal for anything but an object */
export function members(value: unknown, path: string): Members {
  if (isMembers(value)) return value
  throw refuse(path, 'must be an object')
}

/** @throws Refusal for anything but a list; null and undefined are an empty one */
export function list(value: unknown, path: string): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value
  throw refuse(path, 'must be a list')
}

/** @throws Refusal for anything but a text */
export function text(value: unknown, path: string): string {
  if (typeof value === 'string') return value
  throw refuse(path, 'must be a text')
}

/** @throws Refusal for anything but a text with a character */
export function name(value: unknown, path: string): string {
  if (text(value, path) !== '') return value as string
  throw refuse(path, 'must not be empty')
}

/** @throws Refusal for anything but a number; undefined for null and undefined */
export function optionalNumber(value: unknown, path: string): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number') return value
  throw refuse(path, 'must be a number')
}

/** Omits undefined members, which the client would refuse. */
export const defined = (value: Members): Members =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined))

/** @throws Refusal for a value that is nested too deeply to be written */
export function json(value: unknown, path: string): string {
  try {
    return JSON.stringify(value)
  } catch {
    throw refuse(path, 'is nested too deeply')
  }
}
