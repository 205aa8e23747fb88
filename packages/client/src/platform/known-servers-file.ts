import { appendFile, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SecurityError, parsePin } from '@nomyo/crypto'
import type { KnownServersStore } from '../known-servers.js'

/** A line each: address, fingerprint, when it was first seen. Lines with # are comments. */
const MAX_FILE_CHARACTERS = 1024 * 1024
const RETRY_EVERY_MS = 20
/** A change takes milliseconds: a lock as old as this was left behind by a process that died. */
const STALE_AFTER_MS = 10_000

/** One key that is trusted for one server. */
export interface KnownServer {
  /** Base URL, without a slash at its end. */
  readonly server: string
  /** `sha256/...` */
  readonly fingerprint: string
  /** The day it was first trusted, such as `2026-11-21`, where the line says so. */
  readonly since?: string
}

/** A known-servers file, for those who show and change it. */
export interface KnownServersFile extends KnownServersStore {
  /** All that is trusted, in the order of the file; none when there is no file. */
  list(): Promise<readonly KnownServer[]>
  /** Takes out every key of a server and leaves all other lines as they are. Gives how many went. */
  forget(server: string): Promise<number>
}

/**
 * Known servers in a text file (0600), after the example of OpenSSH. The client itself only ever adds
 * lines. A line that cannot be read stops everything: skipping it could mean trusting a changed key.
 * All methods throw SecurityError `ERR_KEY_FILE` for a file that cannot be read or written.
 */
export function knownServersFile(path: string): KnownServersFile {
  return {
    list: async () => entriesOf(await readLines(path), path),
    fingerprintsOf: async (server) =>
      entriesOf(await readLines(path), path)
        .filter((entry) => entry.server === server)
        .map((entry) => entry.fingerprint),
    add: (server, fingerprint) =>
      changing(path, async () => {
        const today = new Date().toISOString().slice(0, 10)
        await appendFile(path, `${server} ${parsePin(fingerprint)} ${today}\n`, { mode: 0o600 })
      }),
    forget: (server) => changing(path, () => removeServer(path, server)),
  }
}

async function removeServer(path: string, server: string): Promise<number> {
  const lines = await readLines(path)
  const entries = entriesOf(lines, path).filter((entry) => entry.server === server)
  if (entries.length === 0) return 0
  const kept = lines.filter((line) => isComment(line) || line.trim().split(/\s+/)[0] !== server)
  const temporaryPath = `${path}.${crypto.randomUUID()}`
  try {
    const file = await open(temporaryPath, 'wx', 0o600)
    try {
      await file.writeFile(kept.join('\n'))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporaryPath, path)
  } finally {
    await rm(temporaryPath, { force: true })
  }
  return entries.length
}

/** One change at a time, whoever else wants to: a line added while others are taken out must not be lost. */
async function changing<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    while (!(await tryCreate(lock))) {
      if (await isStale(lock)) await rm(lock, { force: true })
      else await delay(RETRY_EVERY_MS)
    }
    try {
      return await work()
    } finally {
      await rm(lock, { force: true })
    }
  } catch (error) {
    if (error instanceof SecurityError) throw error
    throw fileError(`${path} cannot be written (${reason(error)}).`)
  }
}

async function tryCreate(lock: string): Promise<boolean> {
  try {
    await (await open(lock, 'wx', 0o600)).close()
    return true
  } catch (error) {
    if (reason(error) === 'EEXIST') return false
    throw error
  }
}

async function isStale(lock: string): Promise<boolean> {
  const facts = await stat(lock).catch(() => undefined)
  return facts !== undefined && Date.now() - facts.mtimeMs > STALE_AFTER_MS
}

async function readLines(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (reason(error) === 'ENOENT') return ''
    throw fileError(`${path} cannot be read (${reason(error)}).`)
  })
  if (text.length > MAX_FILE_CHARACTERS) throw fileError(`${path} is too large.`)
  return text.split('\n')
}

function entriesOf(lines: readonly string[], path: string): KnownServer[] {
  return lines.flatMap((line, index) => {
    if (isComment(line)) return []
    const [server = '', fingerprint = '', since] = line.trim().split(/\s+/)
    try {
      return [
        { server, fingerprint: parsePin(fingerprint), ...(since === undefined ? {} : { since }) },
      ]
    } catch {
      throw fileError(
        `${path}, line ${String(index + 1)}: expected an address, a fingerprint and a date.`,
      )
    }
  })
}

const isComment = (line: string): boolean => /^\s*(?:#|$)/.test(line)

function reason(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown reason'
}

const fileError = (message: string): SecurityError => new SecurityError('ERR_KEY_FILE', message)
