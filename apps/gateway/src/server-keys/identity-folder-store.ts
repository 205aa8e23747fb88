import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoCode } from '@nomyo-internal/diagnostics'
import { SecurityError } from '@nomyo/crypto'
import { loadIdentityKey, saveIdentityKey } from '@nomyo/crypto/keys/node'
import type { FolderStoreOptions } from './folder-store.js'
import { withGenerated } from './identity-kind.js'
import type { IdentityKeyStore, StoredKey } from './key-store.js'

/**
 * Creates a store of identity keys beside the RSA keys: `identity_key.pem`, later `identity_key-2.pem` and so
 * on. A file appears as a whole and is never overwritten.
 */
export function createIdentityFolderStore({
  folder,
  password,
  logger,
}: FolderStoreOptions): IdentityKeyStore {
  const secret = password === undefined ? {} : { password }
  const pathOf = (number: number): string => identityKeyPath(folder, number)
  const describe = async (number: number): Promise<StoredKey> => {
    const createdAtMs = await stat(pathOf(number)).then(
      ({ mtimeMs }) => mtimeMs,
      () => Date.now(),
    )
    return { number, createdAtMs }
  }
  return {
    shared: true,
    list: async () => {
      const keys = await Promise.all((await numbersIn(folder)).map(describe))
      return keys.sort((a, b) => a.number - b.number)
    },
    load: (number) =>
      loadIdentityKey(pathOf(number), {
        ...secret,
        onWarning: (message) => {
          logger.warn(message)
        },
      }),
    add: async (number) => {
      await withGenerated(({ pkcs8Der }) => saveIdentityKey(pathOf(number), pkcs8Der, secret))
    },
    remove: (number) => rm(pathOf(number), { force: true }),
  }
}

/** Returns the path of an identity key. */
export const identityKeyPath = (folder: string, number: number): string =>
  join(folder, number === 1 ? 'identity_key.pem' : `identity_key-${String(number)}.pem`)

async function numbersIn(folder: string): Promise<readonly number[]> {
  const names = await readdir(folder).catch((error: unknown): string[] => {
    if (errnoCode(error) === 'ENOENT') return []
    throw new SecurityError('ERR_KEY_FILE', `${folder} cannot be read (${errnoCode(error)}).`)
  })
  return names
    .map((name) => /^identity_key(?:-([1-9]\d{0,8}))?\.pem$/.exec(name))
    .filter((match) => match !== null && match[1] !== '1')
    .map((match) => Number(match?.[1] ?? 1))
}
