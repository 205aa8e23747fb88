import { randomUUID } from 'node:crypto'
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SecurityError, generateKeyPair } from '@nomyo/crypto'
import { loadKeyPair, loadOrCreateKeyPair, saveKeyPair } from '@nomyo/crypto/keys/node'
import type { Notice } from '../observability/notice.js'
import { OPENING_LANES } from '../completion/decrypt-concurrency.js'
import { LEAST_SERVER_KEY_BITS, type KeyStore, type StoredKey } from './server-key-store.js'

const PRIVATE_KEY_FILE = 'private_key.pem'
const PUBLIC_KEY_FILE = 'public_key.pem'

/** A folder of server keys, and how to read them. */
export interface FolderStoreOptions {
  readonly folder: string
  readonly password: string | undefined
  readonly notice: Notice
}

/**
 * Keys in files: the first one in the folder itself, each later one in a folder of its own with its
 * number (`key-2`, `key-3`). A key appears whole, by renaming its folder, and is never overwritten.
 */
export function createFolderStore({ folder, password, notice }: FolderStoreOptions): KeyStore {
  const secret = password === undefined ? {} : { password }
  const options = {
    ...secret,
    minBits: LEAST_SERVER_KEY_BITS,
    parallel: OPENING_LANES,
    onWarning: notice,
  }
  const announce = (): void => {
    notice(`making a server key in ${folder}; this takes a few seconds`)
  }
  return {
    shared: true,
    list: () => list(folder),
    load: (number) => loadKeyPair(pathOf(folder, number), options),
    add: async (number) => {
      if (number === 1) {
        const pair = await loadOrCreateKeyPair(folder, { ...options, onGenerate: announce })
        pair.privateKey.dispose()
        return
      }
      await addBeside(folder, number, secret)
    },
    remove: (number) => remove(folder, number),
  }
}

async function list(folder: string): Promise<readonly StoredKey[]> {
  const names = await readdir(folder).catch((error: unknown): string[] => {
    if (codeOf(error) === 'ENOENT') return []
    throw unreadable(folder, error)
  })
  const numbers = names
    .map((name) => Number(/^key-([1-9]\d{0,8})$/.exec(name)?.[1] ?? 0))
    .filter((number) => number >= 2)
  if (names.includes(PRIVATE_KEY_FILE)) numbers.push(1)
  const keys = await Promise.all(numbers.map((number) => facts(folder, number)))
  return keys.sort((a, b) => a.number - b.number)
}

/** A folder without a key in it is still listed, so that loading it says what is wrong. */
async function facts(folder: string, number: number): Promise<StoredKey> {
  const path = join(pathOf(folder, number), PRIVATE_KEY_FILE)
  const createdAtMs = await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => Date.now(),
  )
  return { number, createdAtMs }
}

async function addBeside(
  folder: string,
  number: number,
  secret: { password?: string },
): Promise<void> {
  const path = pathOf(folder, number)
  const temporaryPath = join(folder, `.key-${String(number)}.${randomUUID()}`)
  const pair = await generateKeyPair({ extractable: true })
  try {
    await saveKeyPair(temporaryPath, pair, secret)
    // Onto a folder that holds a key already this fails.
    await rename(temporaryPath, path)
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) return
    if (error instanceof SecurityError) throw error
    throw new SecurityError('ERR_KEY_FILE', `${path} cannot be made (${codeOf(error)}).`)
  } finally {
    pair.privateKey.dispose()
    await rm(temporaryPath, { recursive: true, force: true }).catch(() => undefined)
  }
}

async function remove(folder: string, number: number): Promise<void> {
  const path = pathOf(folder, number)
  // The private key last: a public one alone would look like a loss.
  await rm(join(path, PUBLIC_KEY_FILE), { force: true })
  await rm(join(path, PRIVATE_KEY_FILE), { force: true })
  if (number > 1) await rm(path, { recursive: true, force: true })
}

const pathOf = (folder: string, number: number): string =>
  number === 1 ? folder : join(folder, `key-${String(number)}`)

const unreadable = (folder: string, error: unknown): SecurityError =>
  new SecurityError('ERR_KEY_FILE', `${folder} cannot be read (${codeOf(error)}).`)

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown reason'
}
