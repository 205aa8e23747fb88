import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import { mkdir, open, writeFile, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoCode } from '@nomyo-internal/diagnostics'
import type { ProxyConfig } from '../config/config.js'
import { TOKEN_FORM, isToken } from '../config/options.js'
import type { Log } from '../log.js'

const TOKEN_BYTES = 32

/** An unusable file of the command line. Its message and fields hold nothing of the file. */
export class FileError extends Error {
  override readonly name = 'FileError'
  readonly option: string
  readonly path: string

  /** @param problem - continues a sentence that begins with the path */
  constructor(option: string, path: string, problem: string) {
    super(`${option} ${path} ${problem}`)
    this.option = option
    this.path = path
  }

  /** Wraps an error of the file system. */
  static from(option: string, path: string, cause: unknown): FileError {
    if (cause instanceof FileError) return cause
    return new FileError(option, path, `cannot be used (${errnoCode(cause)})`)
  }
}

/**
 * Reads the token of callers, or generates one; undefined where callers need none. A missing file is
 * created.
 *
 * @throws FileError
 */
export async function readToken(
  { tokenFile, token, noToken }: ProxyConfig,
  log: Log,
): Promise<string | undefined> {
  if (noToken) return undefined
  return tokenFile === undefined ? (token ?? generateToken()) : readOrCreate(tokenFile, log)
}

/**
 * Reads the API key for the gateway.
 *
 * @throws FileError
 */
export async function readApiKey(
  { apiKeyFile, apiKey }: ProxyConfig,
  log: Log,
): Promise<string | undefined> {
  if (apiKeyFile === undefined) return apiKey
  const key = await readSecret('--api-key-file', apiKeyFile, log)
  if (/^[\x21-\x7e]+$/.test(key)) return key
  throw new FileError('--api-key-file', apiKeyFile, 'must hold one line of visible ASCII')
}

const generateToken = (): string => `nomyo_local_${randomBytes(TOKEN_BYTES).toString('base64url')}`

async function readOrCreate(path: string, log: Log): Promise<string> {
  const token = generateToken()
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    // Created before it is read: of two proxies that start, the second must not overwrite the token.
    await writeFile(path, `${token}\n`, { flag: 'wx', mode: 0o600 })
    return token
  } catch (error) {
    if (errnoCode(error) !== 'EEXIST') throw FileError.from('--token-file', path, error)
  }
  const kept = await readSecret('--token-file', path, log, findForeignAccess)
  if (isToken(kept)) return kept
  throw new FileError('--token-file', path, `must hold ${TOKEN_FORM}`)
}

/** @param findProblem - checks the open file; returns why it is unusable */
async function readSecret(
  option: string,
  path: string,
  log: Log,
  findProblem: (stats: Stats) => string | undefined = () => undefined,
): Promise<string> {
  let file: FileHandle | undefined
  try {
    file = await open(path)
    const stats = await file.stat()
    const problem = findProblem(stats)
    if (problem !== undefined) throw new FileError(option, path, problem)
    if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0) {
      log.warn(`${option} ${path} is readable by other users: chmod 600 restricts it to you`)
    }
    return (await file.readFile('utf8')).trim()
  } catch (error) {
    throw FileError.from(option, path, error)
  } finally {
    await file?.close()
  }
}

/** A user who can write the token knows it, and could call. */
function findForeignAccess({ uid, mode }: Stats): string | undefined {
  const user = process.getuid?.()
  if (user === undefined) return undefined
  if (uid !== user && uid !== 0) {
    return 'belongs to another user, who knows the token: delete it, and a new one is created'
  }
  if ((mode & 0o022) === 0) return undefined
  return 'is writable by other users, who may know the token: delete it, and a new one is created with mode 600'
}
