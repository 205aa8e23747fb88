import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'

/** A program or package that cannot be obtained here; the message gives the reason. */
export class Unavailable extends Error {}

/**
 * Installs the packages that `package.json` and `package-lock.json` of a folder name into a folder of the
 * cache, once for each lock file.
 *
 * @param name - first part of the name of the folder
 * @param expected - a path in it that exists once it is whole
 * @returns the folder
 * @throws Unavailable without network
 */
export async function installPinned(pins: string, name: string, expected: string): Promise<string> {
  const [manifest = '', lock = ''] = await Promise.all(
    ['package.json', 'package-lock.json'].map((file) => readFile(join(pins, file), 'utf8')),
  )
  const hash = createHash('sha256').update(lock).digest('hex').slice(0, 16)
  return installLocked(`${name}-${hash}`, expected, JSON.parse(manifest), JSON.parse(lock))
}

/**
 * Finds a folder in the cache with everything that a lock file names, or fills it.
 *
 * @param name - of the folder; another lock file needs another one
 * @param expected - a path in it that exists once it is whole
 * @returns the folder
 * @throws Unavailable without network
 */
export async function installLocked(
  name: string,
  expected: string,
  manifest: unknown,
  lock: unknown,
): Promise<string> {
  const home = join(cacheFolder(), name)
  if (existsSync(join(home, expected))) return home

  console.log(`downloading ${name} …`)
  await mkdir(cacheFolder(), { recursive: true })
  const scratch = await mkdtemp(`${home}-`)
  try {
    await writeFile(join(scratch, 'package.json'), JSON.stringify(manifest))
    await writeFile(join(scratch, 'package-lock.json'), JSON.stringify(lock))
    await npmCi(scratch)
    // In one step, so that what is in the cache is whole; another process may have been quicker.
    await rename(scratch, home).catch((error: unknown) => {
      if (!existsSync(join(home, expected))) throw error
    })
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  return home
}

function cacheFolder(): string {
  const { NOMYO_RUNTIMES_DIR: own, XDG_CACHE_HOME: cache } = process.env
  return own ?? join(cache ?? join(homedir(), '.cache'), 'nomyo-runtimes')
}

async function npmCi(cwd: string): Promise<void> {
  const parameters = [
    ...['ci', '--ignore-scripts', '--no-audit', '--no-fund'],
    ...['--loglevel=error', '--update-notifier=false', '--fetch-retries=2'],
    ...['--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000'],
    // Some SDKs state a newer Node than they need, and pnpm hands on that this is strict.
    '--engine-strict=false',
  ]
  try {
    await promisify(execFile)('npm', parameters, { cwd, timeout: 300_000 })
  } catch (error) {
    const { stderr = '' } = error as Error & { stderr?: string }
    const reason = stderr.replace(/\s+/g, ' ').trim().slice(0, 200)
    throw new Unavailable(`npm could not download it: ${reason}`)
  }
}
