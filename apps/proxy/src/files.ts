import { readFile, stat, writeFile } from 'node:fs/promises'
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
    // Not read first: whoever comes second must not overwrite what the first handed out.
    await writeFile(path, `${token}\n`, { flag: 'wx', mode: 0o600 })
    return token
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw new FileError('--token-file', path, error)
  }
  const kept = await readSecret('--token-file', path, log)
  if (isToken(kept)) return kept
  throw new FileError('--token-file', path, `must hold ${TOKEN_FORM}`)
}

async function readSecret(flag: string, path: string, log: Log): Promise<string> {
  try {
    const { mode } = await stat(path)
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      log.warn(`${flag} ${path} can be read by others: chmod 600 keeps it to you`)
    }
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    throw new FileError(flag, path, error)
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown reason'
