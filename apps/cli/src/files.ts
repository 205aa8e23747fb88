import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { UsageError } from './exit-codes.js'

const MAX_BYTES = 1024 * 1024

/**
 * Reads a small text file that was named on the command line or in the config file.
 *
 * @throws UsageError
 */
export function readSmallFile(path: string): string {
  try {
    if (statSync(path).size > MAX_BYTES) throw new UsageError(`${path} is larger than 1 MiB`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${path} cannot be read (${systemCode(error)})`)
  }
}

/**
 * Reads a secret from a file, without the line break editors leave at its end.
 *
 * @throws UsageError, also for an empty one
 */
export function readSecretFile(path: string): string {
  const secret = readSmallFile(path).replace(/\r?\n$/, '')
  if (secret === '') throw new UsageError(`${path} is empty`)
  return secret
}

/** A file that is held for what will be written, or given up. */
export interface ReservedFile {
  readonly write: (text: string) => void
  /** Takes the file away again if nothing was written. */
  readonly release: () => void
}

/**
 * Makes an empty file (0600) now, so that a name that is taken is found out before the work is done.
 *
 * @throws UsageError when the name is taken or the file cannot be made
 */
export function reserveFile(path: string): ReservedFile {
  let written = false
  let descriptor: number
  try {
    descriptor = openSync(path, 'wx', 0o600)
  } catch (error) {
    const code = systemCode(error)
    throw new UsageError(
      code === 'EEXIST'
        ? `${path} exists, and nothing is ever overwritten; choose another name`
        : `${path} cannot be written (${code})`,
    )
  }
  return {
    write: (text) => {
      writeFileSync(descriptor, text)
      written = true
    },
    release: () => {
      closeSync(descriptor)
      if (!written) rmSync(path, { force: true })
    },
  }
}

/** The system's short name for a failure: it says enough, and quotes nothing. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown reason'
}
