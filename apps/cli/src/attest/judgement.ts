import { PolicyError, type AttestationResult } from '@nomyo/attest'
import { ReceiptError } from '@nomyo/attest/errors'
import { parsePolicyFile, type PolicyFile } from '@nomyo/attest/policy-file'
import { ATTEST_EXIT, UsageError } from '../exit-codes.js'
import type { Arguments } from './arguments.js'
import { readText } from './source.js'

/** What a result means for a shell; evidence that nobody vouches for is not a success. */
export function exitCodeOf({ tier }: AttestationResult): number {
  switch (tier) {
    case 'affirming':
      return ATTEST_EXIT.affirming
    case 'contraindicated':
      return ATTEST_EXIT.contraindicated
    default:
      return ATTEST_EXIT.warning
  }
}

/** @throws UsageError */
export const readPolicy = (path: string): Promise<PolicyFile> =>
  usable(() => parsePolicyFile(readText(path)))

/** @throws UsageError */
export function readTime(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const time = new Date(text)
  if (!Number.isNaN(time.getTime())) return time
  throw new UsageError('--now must be a time such as 2026-11-21T12:00:00Z')
}

/** A policy or receipt that cannot be used is a mistake in a file, not a verdict. */
export async function usable<T>(read: () => T | Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof PolicyError || error instanceof ReceiptError) {
      throw new UsageError(error.message)
    }
    if (error instanceof RangeError && error.message.includes('call stack')) {
      throw new UsageError('a file is nested too deeply to be judged')
    }
    throw error
  }
}

/** Flags that mean nothing for what is judged. @throws UsageError */
export function refuse(args: Arguments, names: readonly string[], why: string): void {
  const given = names.find((name) => args.text(name) !== undefined || args.flag(name))
  if (given !== undefined) throw new UsageError(`--${given} ${why}`)
}
