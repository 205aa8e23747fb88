import { open, readFile, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { KeysFileError } from './keys-file.js'

const RETRY_EVERY_MS = 50
const WAIT_MS = 15_000
/** A change takes milliseconds. A process of another container may look dead from here, so wait longer. */
const STALE_AFTER_MS = 5000

/**
 * Does one thing at a time with a file, whoever else wants to: whoever makes `FILE.lock` may. The lock
 * of a process of this host that died is taken away.
 *
 * @throws KeysFileError when the lock is held for too long or cannot be made, and what the work throws
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`
  const deadline = performance.now() + WAIT_MS
  while (!(await tryCreate(lock))) {
    if (performance.now() > deadline) {
      throw new KeysFileError(
        `${path} is being changed by another process; if there is none, remove ${lock} and ${lock}.stale`,
      )
    }
    await removeStale(lock)
    await delay(RETRY_EVERY_MS)
  }
  try {
    return await work()
  } finally {
    await rm(lock, { force: true })
  }
}

/** Holding a lock on the lock, so that of two who see a dead one neither removes that of the other. */
async function removeStale(lock: string): Promise<void> {
  if (!(await isStale(lock))) return
  const guard = `${lock}.stale`
  if (!(await tryCreate(guard))) return
  try {
    if (await isStale(lock)) await rm(lock, { force: true })
  } finally {
    await rm(guard, { force: true })
  }
}

async function tryCreate(path: string): Promise<boolean> {
  const cannot = new KeysFileError(`${path} cannot be written`)
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    if (codeOf(error) === 'EEXIST') return undefined
    throw cannot
  })
  if (file === undefined) return false
  try {
    await file.writeFile(`${process.pid} ${hostname()}`)
    return true
  } catch {
    await rm(path, { force: true })
    throw cannot
  } finally {
    await file.close()
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path)
    if (Date.now() - mtimeMs < STALE_AFTER_MS) return false
    const [pid, host] = (await readFile(path, 'utf8')).split(' ')
    return host === hostname() && !isRunning(Number(pid))
  } catch {
    // Gone meanwhile, or not to be read: then it is waited for.
    return false
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined
