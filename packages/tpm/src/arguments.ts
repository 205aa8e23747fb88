import { HASHES } from '@nomyo/attest/structures'
import { TpmError } from './errors.js'

/** Callers without types pass any value: each is checked where it is read, before anything is sent. */
export function requireInput(isRight: boolean, expected: string): void {
  if (!isRight) throw new TpmError('ERR_TPM_INPUT', `${expected}.`)
}

/** A TPM2B states its length in two bytes. */
export function requireBytes(value: unknown, name: string): void {
  const isRight = value instanceof Uint8Array && value.length <= 0xffff
  requireInput(isRight, `${name} must be a Uint8Array of at most 65535 bytes`)
}

/** Auth values are optional. */
export function requireAuth(value: unknown, name: string): void {
  if (value !== undefined) requireBytes(value, name)
}

export function requireFunction(value: unknown, name: string): void {
  requireInput(typeof value === 'function', `${name} must be a function`)
}

export function requireOptions(value: unknown, name = 'options'): void {
  requireInput(
    Object.prototype.toString.call(value) === '[object Object]',
    `${name} must be an object`,
  )
}

export function requireHandle(value: unknown, name: string): void {
  const isHandle = Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32
  requireInput(isHandle, `${name} must be a handle, from 0 to 0xffffffff`)
}

/** Refuses everything but an object that has a method. */
export function requireMethod(value: unknown, name: string, method: string): void {
  const isRight = typeof value === 'object' && value !== null && method in value
  requireInput(isRight, `${name} must have ${method}()`)
}

const isPcr = (pcr: unknown): boolean =>
  Number.isInteger(pcr) && Number(pcr) >= 0 && Number(pcr) < 24

export function requireSelection(value: unknown): void {
  const isBank = (bank: unknown): boolean => {
    const { hash, pcrs } = Object(bank) as { hash?: unknown; pcrs?: unknown }
    return (
      typeof hash === 'string' &&
      Object.hasOwn(HASHES, hash) &&
      Array.isArray(pcrs) &&
      pcrs.every(isPcr)
    )
  }
  requireInput(
    Array.isArray(value) && value.every(isBank),
    'selection must be a list of banks with their PCRs, 0 to 23',
  )
}
