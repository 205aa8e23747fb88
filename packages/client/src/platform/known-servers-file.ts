import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SecurityError, parsePin } from '@nomyo/crypto'
import type { KnownServersStore } from '../known-servers.js'

/** A line each: address, fingerprint, when it was first seen. Lines with # are comments. */
const MAX_FILE_CHARACTERS = 1024 * 1024

/**
 * Known servers in a text file, after the example of OpenSSH. Lines are only ever added; to trust a
 * server anew, or one more key of it, edit the file. A line that cannot be read stops everything:
 * skipping it could mean trusting a changed key.
 */
export function knownServersFile(path: string): KnownServersStore {
  return {
    fingerprintsOf: async (server) =>
      (await readLines(path))
        .filter((line) => line.server === server)
        .map((line) => line.fingerprint),
    add: async (server, fingerprint) => {
      const line = `${server} ${fingerprint} ${new Date().toISOString().slice(0, 10)}\n`
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 })
        await appendFile(path, line, { mode: 0o600 })
      } catch (error) {
        throw fileError(`${path} cannot be written (${reason(error)}).`)
      }
    },
  }
}

async function readLines(path: string): Promise<{ server: string; fingerprint: string }[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (reason(error) === 'ENOENT') return ''
    throw fileError(`${path} cannot be read (${reason(error)}).`)
  })
  if (text.length > MAX_FILE_CHARACTERS) throw fileError(`${path} is too large.`)
  return text
    .split('\n')
    .map((line) => line.trim())
    .map((line, index) => ({ line, number: index + 1 }))
    .filter(({ line }) => line !== '' && !line.startsWith('#'))
    .map(({ line, number }) => {
      const [server = '', fingerprint = ''] = line.split(/\s+/)
      try {
        return { server, fingerprint: parsePin(fingerprint) }
      } catch {
        throw fileError(
          `${path}, line ${String(number)}: expected an address, a fingerprint and a date.`,
        )
      }
    })
}

function reason(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown reason'
}

const fileError = (message: string): SecurityError => new SecurityError('ERR_KEY_FILE', message)
