import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { requireCallback, requireInteger, requireOptions, requireText } from '../../arguments.js'
import { SecurityError } from '../../errors.js'

/** A key with a certificate chain beside it. */
export const MAX_KEY_FILE_BYTES = 64 * 1024
/** Permission of users other than the owner to change a file. */
const FOREIGN_WRITE = 0o022
/** Permissions of users other than the owner. */
const FOREIGN_ACCESS = 0o077

/** Options for reading a file that decides trust. */
export interface ReadTrustedFileOptions {
  /** Size of the largest file accepted, in bytes. */
  readonly maxBytes: number
  /** Receives a notice when users other than the owner have access; for files with secrets. */
  readonly onForeignAccess?: ((message: string) => void) | undefined
}

/**
 * Reads a file that decides trust: a key, a policy, a list of servers. It must be a regular file that
 * belongs to this user or to root, and that no other user can change; all is checked on the opened file.
 * The message of a refusal has the command that repairs it. On Windows only the kind and the size of
 * the file are checked; in Deno without `--allow-sys=uid`, everything but its owner.
 *
 * @returns the text; undefined where the file is missing
 * @throws SecurityError `ERR_KEY_FILE`; `ERR_KEY_LIMIT` for a file that is too large;
 * `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { readTrustedFile } from '@nomyo/crypto/keys/node'
 *
 * const policy = await readTrustedFile('policy.json', { maxBytes: 1024 * 1024 })
 * ```
 */
export async function readTrustedFile(
  path: string,
  options: ReadTrustedFileOptions,
): Promise<string | undefined> {
  requireText(path, 'path')
  requireOptions(options)
  const { maxBytes, onForeignAccess } = options
  requireInteger(maxBytes, 'maxBytes')
  requireCallback(onForeignAccess, 'onForeignAccess')
  let file: FileHandle | undefined
  try {
    // Non-blocking, so that a pipe of this name cannot block the process.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const facts = await file.stat()
    if (!facts.isFile()) throw fileError(`${path} is not a regular file.`)
    if (facts.size > maxBytes) {
      throw new SecurityError('ERR_KEY_LIMIT', `${path} is larger than ${String(maxBytes)} bytes.`)
    }
    checkAccess(path, facts, onForeignAccess)
    return await file.readFile('utf8')
  } catch (error) {
    if (error instanceof SecurityError) throw error
    if (errnoCode(error) === 'ENOENT') return undefined
    throw fileError(`${path} cannot be read (${errnoCode(error)}).`)
  } finally {
    await file?.close()
  }
}

function checkAccess(
  path: string,
  { uid, mode }: { readonly uid: number; readonly mode: number },
  onForeignAccess: ReadTrustedFileOptions['onForeignAccess'],
): void {
  // It has neither owners nor modes of this kind.
  if (process.platform === 'win32') return
  const user = currentUser()
  const name = quoted(path)
  // Root can change every file in any case.
  if (user !== undefined && uid !== user && uid !== 0) {
    throw fileError(
      `${path} belongs to user ${String(uid)}. If its content is right, run: chown ${String(user)} ${name}`,
    )
  }
  if ((mode & FOREIGN_WRITE) !== 0) {
    throw fileError(
      `Other users can change ${path}. If its content is right, run: chmod go-w ${name}`,
    )
  }
  if ((mode & FOREIGN_ACCESS) !== 0) {
    onForeignAccess?.(
      `${path} can be accessed by other users of this machine; run: chmod 600 ${name}`,
    )
  }
}

/** Returns the user of this process; undefined where Deno may not tell, so that the owner of a file is not checked. */
function currentUser(): number | undefined {
  try {
    return process.geteuid?.()
  } catch {
    return undefined
  }
}

/** Quotes a path for a shell where it needs to be. */
export const quoted = (path: string): string =>
  /^[\w./~+-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`

/** Returns the error code of the system, which quotes nothing. */
export function errnoCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown reason'
}

export const fileError = (message: string): SecurityError =>
  new SecurityError('ERR_KEY_FILE', message)
