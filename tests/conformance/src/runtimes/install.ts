import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { Unavailable, installLocked } from '@nomyo-internal/testing/install-locked'
import { packageFolder } from '../package-folder.js'

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
