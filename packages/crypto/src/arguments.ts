import { SecurityError } from './errors.js'

/** Callers without types pass any value: each is checked where it is read. */
export function requireArgument(isRight: boolean, expected: string): void {
  if (!isRight) throw new SecurityError('ERR_ARGUMENT_INVALID', `${expected}.`)
}

export function requireText(value: unknown, name: string): void {
  requireArgument(typeof value === 'string', `${name} must be a string`)
}

const classOf = (value: unknown): string => Object.prototype.toString.call(value)

/** Also accepts bytes of another realm, such as those of a test runner. */
export function requireBytes(value: unknown, name: string): void {
  requireArgument(classOf(value) === '[object Uint8Array]', `${name} must be a Uint8Array`)
}

/** Options that are a password or a URL, say, would be ignored silently. */
export function requireOptions(options: unknown, name = 'options'): void {
  requireArgument(classOf(options) === '[object Object]', `${name} must be an object`)
}

export function requireCallback(value: unknown, name: string): void {
  requireArgument(value === undefined || typeof value === 'function', `${name} must be a function`)
}

/** No limit holds against NaN, with which every comparison is false. */
export function requireInteger(value: number, name: string, least = 0, most = 2 ** 52): void {
  const isRight = Number.isInteger(value) && value >= least && value <= most
  requireArgument(isRight, `${name} must be an integer from ${String(least)}`)
}

/** Members by which keys are told apart; a key pair has none of them. */
const KINDS = { spkiDer: 'PublicKey', exportPkcs8: 'PrivateKey', privateKey: 'KeyPair' }

/** Refuses everything but one kind of key; one half of a key pair is easily mistaken for another. */
export function requireKey(value: unknown, name: string, member: keyof typeof KINDS): void {
  if (hasMember(value, member)) return
  throw new SecurityError('ERR_KEY_TYPE', `${name} must be a ${KINDS[member]}.`)
}

/** Refuses everything but an object of this package, which one of its members tells apart. */
export function requireMember(value: unknown, name: string, member: string): void {
  requireArgument(hasMember(value, member), `${name} must have ${member}`)
}

export function requireList(value: unknown, name: string, member: string): void {
  requireArgument(Array.isArray(value), `${name} must be an array`)
  for (const item of value as readonly unknown[]) requireMember(item, name, member)
}

export const hasMember = (value: unknown, name: string): boolean =>
  typeof value === 'object' && value !== null && name in value
