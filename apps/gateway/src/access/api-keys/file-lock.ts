import { open, readFile, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { errnoCode } from '@nomyo-internal/diagnostics'
import { GatewayError } from '../../errors.js'

/** Windows names a file whose removal is not complete `EPERM`. */
const TAKEN = process.platform === 'win32' ? ['EEXIST', 'EPERM', 'EBUSY'] : ['EEXIST']
const RETRY_INTERVAL_MS = 50
const TIMEOUT_MS = 15_000
/** Changes take milliseconds. A process in another container may seem dead, so the lock must be older. */
const STALE_AFTER_MS = 5000

/**
 * Runs work on a file while no other process does: the lock is the file `FILE.lock`. A lock whose
 * process on this host has died is removed.
 *
 * @throws GatewayError `ERR_API_KEYS_FILE` when the lock is held for too long or cannot be created, and
 * what the work throws
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`
  const deadline = performance.now() + TIMEOUT_MS
  while (!(await tryCreate(lock))) {
    if (performance.now() > deadline) {
      throw new GatewayError(
        'ERR_API_KEYS_FILE',
        `${path} is locked by another process; if none is running, remove ${lock} and ${lock}.stale.`,
      )
    }
    await removeStale(lock)
    await delay(RETRY_INTERVAL_MS)
  }
  try {
    return await work()
  } finally {
    await rm(lock, { force: true })
  }
}

/** Removes a stale lock under a lock of its own: of two processes, neither removes the other's new lock. */
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
  const failure = (error: unknown): GatewayError =>
    new GatewayError('ERR_API_KEYS_FILE', `${path} cannot be written (${errnoCode(error)}).`)
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    if (TAKEN.includes(errnoCode(error))) return undefined
    throw failure(error)
  })
  if (file === undefined) return false
  try {
    await file.writeFile(`${process.pid} ${hostname()}`)
    return true
  } catch (error) {
    await rm(path, { force: true })
    throw failure(error)
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
    // Released meanwhile, or unreadable: the next attempt decides.
    return false
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return errnoCode(error) !== 'ESRCH'
  }
}
