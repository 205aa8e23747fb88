import { randomUUID } from 'node:crypto'
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoCode } from '@nomyo-internal/diagnostics'
import { SecurityError, generateKeyPair } from '@nomyo/crypto'
import { loadKeyPair, loadOrCreateKeyPair, saveKeyPair } from '@nomyo/crypto/keys/node'
import { DECRYPT_CONCURRENCY } from '../completion/load/decrypt-concurrency.js'
import type { Logger } from '../observability/log.js'
import type { ServerKeyStore, StoredKey } from './key-store.js'
import { MIN_SERVER_KEY_BITS } from './rsa-kind.js'

const PRIVATE_KEY_FILE = 'private_key.pem'
const PUBLIC_KEY_FILE = 'public_key.pem'

/** Location and password of key files. */
export interface FolderStoreOptions {
  readonly folder: string
  readonly password: string | undefined
  readonly logger: Logger
}

/**
 * Creates a store of key files: the first key is in the folder itself, each later one in a numbered
 * subfolder (`key-2`, `key-3`). A key appears as a whole, by renaming its folder, and is never
 * overwritten.
 */
export function createFolderStore({
  folder,
  password,
  logger,
}: FolderStoreOptions): ServerKeyStore {
  const secret = password === undefined ? {} : { password }
  const options = {
    ...secret,
    minBits: MIN_SERVER_KEY_BITS,
    parallel: DECRYPT_CONCURRENCY,
    onWarning: (message: string) => {
      logger.warn(message)
    },
  }
  const onGenerate = (): void => {
    logger.info(`creating a server key in ${folder}; this takes a few seconds`)
  }
  return {
    shared: true,
    list: () => list(folder),
    load: (number) => loadKeyPair(pathOf(folder, number), options),
    add: async (number) => {
      if (number === 1) {
        const pair = await loadOrCreateKeyPair(folder, { ...options, onGenerate })
        pair.privateKey.dispose()
        return
      }
      await addSubfolder(folder, number, secret)
    },
    remove: (number) => remove(folder, number),
  }
}

async function list(folder: string): Promise<readonly StoredKey[]> {
  const names = await readdir(folder).catch((error: unknown): string[] => {
    if (errnoCode(error) === 'ENOENT') return []
    throw new SecurityError('ERR_KEY_FILE', `${folder} cannot be read (${errnoCode(error)}).`)
  })
  const numbers = names
    .map((name) => Number(/^key-([1-9]\d{0,8})$/.exec(name)?.[1] ?? 0))
    .filter((number) => number >= 2)
  if (names.includes(PRIVATE_KEY_FILE)) numbers.push(1)
  const keys = await Promise.all(numbers.map((number) => describe(folder, number)))
  return keys.sort((a, b) => a.number - b.number)
}

/** Describes a key. A folder without a key file is listed too, so that loading it reports the error. */
async function describe(folder: string, number: number): Promise<StoredKey> {
  const path = join(pathOf(folder, number), PRIVATE_KEY_FILE)
  const createdAtMs = await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => Date.now(),
  )
  return { number, createdAtMs }
}

const TAKEN = ['ENOTEMPTY', 'EEXIST', ...(process.platform === 'win32' ? ['EPERM'] : [])]

async function addSubfolder(
  folder: string,
  number: number,
  secret: { password?: string },
): Promise<void> {
  const path = pathOf(folder, number)
  const temporaryPath = join(folder, `.key-${String(number)}.${randomUUID()}`)
  const pair = await generateKeyPair({ extractable: true })
  try {
    await saveKeyPair(temporaryPath, pair, secret)
    // Fails if the folder exists and contains a key: with EPERM on Windows.
    await rename(temporaryPath, path)
  } catch (error) {
    if (TAKEN.includes(errnoCode(error))) return
    if (error instanceof SecurityError) throw error
    throw new SecurityError('ERR_KEY_FILE', `${path} cannot be created (${errnoCode(error)}).`)
  } finally {
    pair.privateKey.dispose()
    await rm(temporaryPath, { recursive: true, force: true }).catch(() => undefined)
  }
}

async function remove(folder: string, number: number): Promise<void> {
  const path = pathOf(folder, number)
  // The private key last: a public key alone would look like the loss of its private key.
  await rm(join(path, PUBLIC_KEY_FILE), { force: true })
  await rm(join(path, PRIVATE_KEY_FILE), { force: true })
  if (number > 1) await rm(path, { recursive: true, force: true })
}

const pathOf = (folder: string, number: number): string =>
  number === 1 ? folder : join(folder, `key-${String(number)}`)
