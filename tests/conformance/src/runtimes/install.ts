import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { packageFolder } from '../package-folder.js'

/** A runtime that cannot be obtained here; the message gives the reason. */
export class Unavailable extends Error {}

/**
 * Finds a runtime of `runtimes/package.json` in the cache, or downloads it: exactly what the lock file
 * names, checked by npm against its hash, without running anything of it.
 *
 * @throws Unavailable without network, or on a platform it is not pinned for
 */
export async function install(id: string): Promise<{ version: string; folder: string }> {
  const { manifest, lock, version, integrity } = await readPin(id)
  if (`${process.platform} ${process.arch}` !== 'linux x64') {
    throw new Unavailable(
      `pinned for Linux on x64 only, this is ${process.platform} ${process.arch}`,
    )
  }
  const hash = Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex')
  const name = `${id}-${version}-${hash.slice(0, 16)}`
  const folder = join('node_modules', id)
  return { version, folder: join(await installLocked(name, folder, manifest, lock), folder) }
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

/** The part of both files that is about one runtime: the others need not be downloaded for it. */
async function readPin(id: string) {
  const read = async <T>(file: string): Promise<T> =>
    JSON.parse(await readFile(join(packageFolder, 'runtimes', file), 'utf8')) as T
  const { dependencies } = await read<{ dependencies: Record<string, string> }>('package.json')
  const { lockfileVersion, packages } = await read<{
    lockfileVersion: number
    packages: Record<string, { version?: string; integrity?: string }>
  }>('package-lock.json')
  const [specifier, locked] = [dependencies[id], packages[`node_modules/${id}`]]
  if (specifier === undefined || locked?.version === undefined || locked.integrity === undefined) {
    throw new Error(`${id} is not pinned in runtimes/`)
  }
  const manifest = { name: 'runtimes', private: true, dependencies: { [id]: specifier } }
  return {
    manifest,
    lock: {
      name: 'runtimes',
      lockfileVersion,
      requires: true,
      packages: { '': manifest, [`node_modules/${id}`]: locked },
    },
    version: locked.version,
    integrity: locked.integrity,
  }
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
    throw new Unavailable(`npm could not download it: ${stderr.trim().slice(0, 200)}`)
  }
}
