import { appendFile, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SecurityError, parsePin } from '@nomyo/crypto'
import { readTrustedFile } from '@nomyo/crypto/keys/node'
import { parseBaseUrl } from '@nomyo/transport'
import { invalidOption, path as checkPath } from '../config/checks.js'
import { serverName, type KnownKey, type KnownServersStore } from '../keys/known-servers.js'
import { withFileLock } from './file-lock.js'

export { readTrustedFile, type ReadTrustedFileOptions } from '@nomyo/crypto/keys/node'

/**
 * Each line holds an address, a fingerprint and a date, and `wire=2` for an identity key. Lines with # are
 * comments. Readers that do not know the fourth word ignore it.
 */
const MAX_FILE_BYTES = 1024 * 1024

/** A key trusted for a server. */
export interface KnownServer extends KnownKey {
  /** Base URL, without a slash at its end. */
  readonly server: string
  /** The day of first trust, such as `2026-11-21`, where the line has it. */
  readonly since?: string
}

/** A known-servers file, to list and edit. */
export interface KnownServersFile extends Required<KnownServersStore> {
  /** Returns all entries in the order of the file; none where the file is missing. */
  list(): Promise<readonly KnownServer[]>
  /** Removes every key of a server, keeps all other lines, and returns the number removed. */
  forget(server: string): Promise<number>
}

/**
 * Opens a text file of known servers (0600), in the manner of OpenSSH. The client itself only adds lines.
 * A line that cannot be read is an error: skipping it could mean trusting a changed key. All methods throw
 * SecurityError `ERR_KEY_FILE` for a file that cannot be read or written, that is no regular file, or that
 * another user owns or can change; `ERR_KEY_LIMIT` for one over 1 MiB.
 *
 * @example
 * ```ts
 * import { knownServersFile } from '@nomyo/client/known-servers'
 *
 * const file = knownServersFile('/home/me/.nomyo/known_servers')
 * for (const { server, fingerprint } of await file.list()) console.log(server, fingerprint)
 * await file.forget('https://old.example')
 * ```
 */
export function knownServersFile(path: string): KnownServersFile {
  checkPath(path, 'path')
  const add = async (server: string, keys: readonly KnownKey[], onlyFirst = false) =>
    changing(path, async () => {
      const lines = await readLines(path)
      const known = keysIn(lines, server, path)
      if (onlyFirst && known.length > 0) return known
      const isKnown = ({ fingerprint, wire }: KnownKey): boolean =>
        known.some((key) => key.fingerprint === fingerprint && (key.wire ?? wire) === key.wire)
      const missing = keys.filter((key) => !isKnown(key))
      if (missing.length > 0) await append(path, lines, server, missing)
      return known
    })
  return {
    list: async () => entriesOf(await readLines(path), path),
    fingerprintsOf: async (server) => fingerprintsOf(keysIn(await readLines(path), server, path)),
    keysOf: async (server) => keysIn(await readLines(path), server, path),
    add: async (server, fingerprint) => {
      await add(server, [{ fingerprint }])
    },
    addFirst: async (server, fingerprint) =>
      fingerprintsOf(await add(server, [{ fingerprint }], true)),
    addKeys: (server, keys, options) => add(server, keys, options?.onlyFirst === true),
    forget: (server) => changing(path, () => removeServer(path, server)),
  }
}

function keysIn(lines: readonly string[], server: string, path: string): KnownKey[] {
  if (typeof server !== 'string') throw invalidOption('server', 'must be a string')
  return entriesOf(lines, path)
    .filter((entry) => entry.server === server)
    .map(({ fingerprint, wire }) => ({ fingerprint, ...(wire === undefined ? {} : { wire }) }))
}

const fingerprintsOf = (keys: readonly KnownKey[]): string[] => [
  ...new Set(keys.map(({ fingerprint }) => fingerprint)),
]

async function append(
  path: string,
  lines: readonly string[],
  server: string,
  keys: readonly KnownKey[],
): Promise<void> {
  if (canonical(server) !== server)
    throw fileError(`${path}: ${server} is not the base URL of a server.`)
  const today = new Date().toISOString().slice(0, 10)
  // An editor may have dropped the last line break: appended to another line, this one would not count.
  const start = (lines.at(-1) ?? '') === '' ? '' : '\n'
  const added = keys.map(
    ({ fingerprint, wire }) =>
      `${server} ${parsePin(fingerprint)} ${today}${wire === 2 ? ' wire=2' : ''}\n`,
  )
  await appendFile(path, start + added.join(''), { mode: 0o600 })
}

async function removeServer(path: string, server: string): Promise<number> {
  const lines = await readLines(path)
  const entries = keysIn(lines, server, path)
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

/** Makes one change at a time across processes: a line added during a removal must not be lost. */
async function changing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    return await withFileLock(`${path}.lock`, work)
  } catch (error) {
    if (error instanceof SecurityError) throw error
    throw fileError(`${path} cannot be written (${reason(error)}).`)
  }
}

async function readLines(path: string): Promise<string[]> {
  const text = await readTrustedFile(path, { maxBytes: MAX_FILE_BYTES })
  return (text ?? '').split('\n')
}

function entriesOf(lines: readonly string[], path: string): KnownServer[] {
  return lines.flatMap((line, index) => {
    if (isComment(line)) return []
    const [server = '', fingerprint = '', ...words] = line.trim().split(/\s+/)
    const since = words.find((word) => !word.includes('='))
    const where = `${path}, line ${String(index + 1)}`
    const pin = parsed(() => parsePin(fingerprint))
    const address = canonical(server)
    if (pin === undefined || address === undefined) {
      throw fileError(`${where}: expected an address, a fingerprint and a date.`)
    }
    // In another form no client would find it, and would trust the server anew each time.
    if (address !== server) throw fileError(`${where}: the address must be written ${address}`)
    return [
      {
        server,
        fingerprint: pin,
        ...(since === undefined ? {} : { since }),
        // A later wire as well: its server must not be talked down either.
        ...(words.some((word) => /^wire=(?:[2-9]|\d\d+)$/.test(word)) ? { wire: 2 as const } : {}),
      },
    ]
  })
}

/** Returns an address in the form that clients look up; undefined for an invalid one. */
const canonical = (server: string): string | undefined =>
  parsed(() => serverName(parseBaseUrl(server)))

function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}

const isComment = (line: string): boolean => /^\s*(?:#|$)/.test(line)

function reason(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown reason'
}

const fileError = (message: string): SecurityError => new SecurityError('ERR_KEY_FILE', message)
