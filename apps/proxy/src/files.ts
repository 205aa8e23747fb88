import type { Stats } from 'node:fs'
import { mkdir, open, writeFile, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isToken, TOKEN_FORM } from './options/options.js'
import type { ProxyConfig, TokenSource } from './config.js'
import type { Log } from './log.js'
import { newToken } from './access/token.js'

/** A file given on the command line that cannot be used; the message says why, not what is in it. */
export class FileError extends Error {
  override readonly name = 'FileError'

  constructor(flag: string, path: string, cause: unknown) {
    super(
      `${flag} ${path} ${typeof cause === 'string' ? cause : `cannot be used (${codeOf(cause)})`}`,
    )
  }
}

/**
 * The token callers need; undefined where they need none. A file that is not there is made.
 *
 * @throws FileError
 */
export async function readToken(source: TokenSource, log: Log): Promise<string | undefined> {
  switch (source.kind) {
    case 'none':
      return undefined
    case 'made':
      return newToken()
    case 'given':
      return source.token
    case 'file':
      return readOrMake(source.path, log)
  }
}

/**
 * The key for the gateway, where there is one.
 *
 * @throws FileError
 */
export async function readApiKey(
  source: ProxyConfig['apiKey'],
  log: Log,
): Promise<string | undefined> {
  if (source.kind === 'none') return undefined
  if (source.kind === 'given') return source.key
  const key = await readSecret('--api-key-file', source.path, log)
  if (/^[\x21-\x7e]+$/.test(key)) return key
  throw new FileError('--api-key-file', source.path, 'must hold one line of visible ASCII')
}

async function readOrMake(path: string, log: Log): Promise<string> {
  const token = newToken()
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    // Not read first: whoever comes second must not overwrite what the first handed out.
    await writeFile(path, `${token}\n`, { flag: 'wx', mode: 0o600 })
    return token
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw new FileError('--token-file', path, error)
  }
  const kept = await readSecret('--token-file', path, log, whyNotOwn)
  if (isToken(kept)) return kept
  throw new FileError('--token-file', path, `must hold ${TOKEN_FORM}`)
}

/** @param whyNot - judges the file that is open: why it cannot be used, where it cannot */
async function readSecret(
  flag: string,
  path: string,
  log: Log,
  whyNot: (stats: Stats) => string | undefined = () => undefined,
): Promise<string> {
  let file: FileHandle | undefined
  try {
    file = await open(path)
    const stats = await file.stat()
    const reason = whyNot(stats)
    if (reason !== undefined) throw new FileError(flag, path, reason)
    if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0) {
      log.warn(`${flag} ${path} can be read by others: chmod 600 keeps it to you`)
    }
    return (await file.readFile('utf8')).trim()
  } catch (error) {
    throw error instanceof FileError ? error : new FileError(flag, path, error)
  } finally {
    await file?.close()
  }
}

/** Whoever writes the token knows it: somebody else's would let them in. */
function whyNotOwn({ uid, mode }: Stats): string | undefined {
  const user = process.getuid?.()
  if (user === undefined) return undefined
  if (uid !== user && uid !== 0) {
    return 'belongs to another user, who knows the token: delete it, and a new one is made'
  }
  if ((mode & 0o022) === 0) return undefined
  return 'can be written by others, who may know the token: delete it, and a new one is made with mode 600'
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown reason'
