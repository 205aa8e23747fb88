import { link, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { SecurityError } from '@nomyo/crypto'

const RETRY_EVERY_MS = 20
/** A change takes milliseconds: a lock as old as this was left behind by a process that died. */
const STALE_AFTER_MS = 10_000
const PATIENCE_MS = 15_000

/**
 * Does work while holding a lock file, which it makes and takes away. One that was left behind, or is
 * of a time to come, is taken away first; that of somebody else never.
 *
 * @throws SecurityError `ERR_KEY_FILE` when somebody else holds it for longer than `patienceMs`
 * @throws what the work throws, and errors of the file system
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
        `${path} is held by another process. If there is none, remove it.`,
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
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined
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

/** Gives whether the lock is worth trying for at once. */
async function removeStale(path: string): Promise<boolean> {
  const owner = await readOwner(path)
  const facts = await stat(path).catch(() => undefined)
  if (owner === undefined || facts === undefined) return false
  if (Math.abs(Date.now() - facts.mtimeMs) <= STALE_AFTER_MS) return false
  return removeIf(path, owner)
}

/** Takes a lock away if it is still that of an owner: it is put aside first, so that nobody swaps it. */
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
