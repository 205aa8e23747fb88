import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { UsageError } from '@nomyo-internal/command-line'
import { errnoCode } from '@nomyo-internal/diagnostics'

const MEBIBYTE = 1024 * 1024

/**
 * Reads a file that the command line or the config file names.
 *
 * @param maxMebibytes - size limit
 * @throws UsageError
 */
export function readNamedFile(path: string, maxMebibytes: number): Buffer {
  try {
    if (statSync(path).size > maxMebibytes * MEBIBYTE) {
      throw new UsageError(`${path} is larger than ${maxMebibytes} MiB`)
    }
    return readFileSync(path)
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${path} cannot be read (${errnoCode(error)})`)
  }
}

/**
 * Reads a stream such as standard input to its end.
 *
 * @throws UsageError
 */
export async function readStream(
  stream: NodeJS.ReadableStream,
  maxMebibytes: number,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxMebibytes * MEBIBYTE) {
      throw new UsageError(`standard input is longer than ${maxMebibytes} MiB`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/**
 * Reads a secret from a file, without the line break that editors write at its end.
 *
 * @throws UsageError, also for an empty one
 */
export function readSecretFile(path: string): string {
  const secret = readNamedFile(path, 1)
    .toString()
    .replace(/\r?\n$/, '')
  if (secret === '') throw new UsageError(`${path} is empty`)
  return secret
}

/**
 * Creates an empty file (0600), so that a taken name is an error before the work begins.
 *
 * @throws UsageError when the name is taken or the file cannot be created
 */
export function reserveFile(path: string) {
  const descriptor = openNewFile(path)
  let written = false
  return {
    write: (text: string): void => {
      writeFileSync(descriptor, text)
      written = true
    },
    /** Closes the file, and removes it if nothing was written. */
    release: (): void => {
      closeSync(descriptor)
      if (!written) rmSync(path, { force: true })
    },
  }
}

function openNewFile(path: string): number {
  try {
    return openSync(path, 'wx', 0o600)
  } catch (error) {
    const code = errnoCode(error)
    throw new UsageError(
      code === 'EEXIST'
        ? `${path} exists, and no file is overwritten; choose another name`
        : `${path} cannot be written (${code})`,
    )
  }
}
