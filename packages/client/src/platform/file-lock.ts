import { link, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { SecurityError } from '@nomyo/crypto'

const RETRY_EVERY_MS = 20
/** A change takes milliseconds: an older lock belongs to a process that died. */
const STALE_AFTER_MS = 10_000
const PATIENCE_MS = 15_000
/** Windows names a file whose removal is not complete `EPERM`. */
const TAKEN = process.platform === 'win32' ? ['EEXIST', 'EPERM', 'EBUSY'] : ['EEXIST']

/**
 * Runs `work` while holding a lock file. A stale lock file, or one dated in the future, is removed; that
 * of a running process is not.
 *
 * @throws SecurityError `ERR_KEY_FILE` when another process holds it for longer than `patienceMs`
 * @throws the error of `work`, and errors of the file system
 */
export async function withFileLock<T>(
  path: string,
  work: () => Promise<T>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const owner = crypto.randomUUID()
  const end = performance.now() + patienceMs
  while (!(await tryCreate(path, owner))) {
    if (await removeStale(path)) continue
    if (performance.now() > end) {
      throw new SecurityError(
        'ERR_KEY_FILE',
        `${path} is locked by another process. If there is none, remove the file.`,
      )
    }
    await delay(RETRY_EVERY_MS)
  }
  try {
    return await work()
  } finally {
    await removeIf(path, owner)
  }
}

async function tryCreate(path: string, owner: string): Promise<boolean> {
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && TAKEN.includes(String(error.code)))
      return undefined
    throw error
  })
  if (file === undefined) return false
  try {
    await file.writeFile(owner)
  } finally {
    await file.close()
  }
  return true
}

/** Resolves with true if the lock is free now. */
async function removeStale(path: string): Promise<boolean> {
  const owner = await readOwner(path)
  const facts = await stat(path).catch(() => undefined)
  if (owner === undefined || facts === undefined) return false
  if (Math.abs(Date.now() - facts.mtimeMs) <= STALE_AFTER_MS) return false
  return removeIf(path, owner)
}

/** Removes a lock of this owner: renames it first, so that a lock created meanwhile survives. */
async function removeIf(path: string, owner: string): Promise<boolean> {
  if ((await readOwner(path)) !== owner) return false
  const aside = `${path}.${crypto.randomUUID()}`
  try {
    await rename(path, aside)
  } catch {
    return false
  }
  const isTheirs = (await readOwner(aside)) === owner
  if (!isTheirs) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
  return isTheirs
}

const readOwner = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch(() => undefined)
