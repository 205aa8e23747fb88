import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SecurityError } from '@nomyo/crypto'
import type { GatewayConfig, KeyConfig } from '../../config/config.js'
import { KeyStoreError, type KeyStore, type StoredKey } from '../../server-keys/server-key-store.js'
import { withStore } from '../../commands/server-keys.js'
import { isWritable, lookAtAccess } from '../file-access.js'
import { ok, problem, warning, type Check, type Finding } from '../finding.js'
import { reasonOf } from '../reason.js'

const DAY_MS = 86_400_000

/** The server keys: whether they can be read, by whom, and how old they are. */
export const serverKeysCheck: Check = {
  name: 'server keys',
  run: async (config: GatewayConfig) => {
    const { keyDir, sharedKeys = false, keys = {} } = config
    if (keyDir === undefined && !sharedKeys) {
      return [
        warning(
          'each start makes another server key, which nobody can pin',
          'keep it in a folder: --key-dir DIR',
        ),
      ]
    }
    try {
      return await withStore(
        config,
        () => undefined,
        (store) => (keyDir === undefined ? lookAtShared(keys, store) : lookAt(keyDir, keys, store)),
      )
    } catch (error) {
      return [broken(keyDir ?? 'Redis', error)]
    }
  },
}

async function lookAt(
  keyDir: string,
  keys: KeyConfig,
  store: KeyStore,
): Promise<readonly Finding[]> {
  const stored = await store.list()
  const newest = stored.at(-1)
  if (newest === undefined) return [await lookAtEmpty(keyDir)]
  const findings: Finding[] = [...(await lookAtAccess(keyDir, { mode: '700', secret: false }))]
  for (const { number } of stored) {
    const path = join(keyDir, number === 1 ? '' : `key-${number}`, 'private_key.pem')
    findings.push(...(await lookAtAccess(path, { mode: '600', secret: true })))
  }
  findings.push(...(await lookAtKeys(store, stored, newest)))
  if (keys.rotationMs !== undefined && !(await isWritable(keyDir))) {
    findings.push(
      problem(
        `${keyDir} cannot be written, so --key-rotation makes no key`,
        'let the user of the gateway write it',
      ),
    )
  }
  return [...findings, ...lookAtAge(keys, newest)]
}

/** Keys in Redis: whether it is there and lets this gateway in is another check. */
async function lookAtShared(keys: KeyConfig, store: KeyStore): Promise<readonly Finding[]> {
  const stored = await store.list()
  const newest = stored.at(-1)
  if (newest === undefined) return [ok('Redis has no key yet: the start will make one')]
  return [...(await lookAtKeys(store, stored, newest)), ...lookAtAge(keys, newest)]
}

/** Also the one before, which keeps the gateway from starting when it still opens and cannot be read. */
async function lookAtKeys(
  store: KeyStore,
  stored: readonly StoredKey[],
  newest: StoredKey,
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const { number } of stored.slice(-2))
    findings.push(...(await lookAtKey(store, number, newest)))
  return findings
}

async function lookAtEmpty(keyDir: string): Promise<Finding> {
  if (existsSync(join(keyDir, 'public_key.pem'))) {
    return problem(
      `${keyDir} has a public key and no private one`,
      'put the private key back, or move the public one away to have a pair made',
    )
  }
  if (await isWritable(keyDir)) return ok(`${keyDir} has no key yet: the start will make one`)
  return problem(
    `${keyDir} has no key yet, and none can be made there`,
    'let the user of the gateway write the folder, or the one it is to be in',
  )
}

async function lookAtKey(
  store: KeyStore,
  number: number,
  newest: StoredKey,
): Promise<readonly Finding[]> {
  const { publicKey, privateKey } = await store.load(number)
  privateKey.dispose()
  if (number !== newest.number) return []
  const days = Math.floor((Date.now() - newest.createdAtMs) / DAY_MS)
  return [ok(`${publicKey.fingerprint}, ${publicKey.bits} bits, ${days} days old`)]
}

function lookAtAge({ rotationMs }: KeyConfig, newest: StoredKey): readonly Finding[] {
  if (rotationMs === undefined || Date.now() - newest.createdAtMs < rotationMs) return []
  return [
    warning(
      'the newest key is older than --key-rotation; the next one is made when the gateway starts',
      'if it is running, look for "server keys cannot be renewed" in its log',
    ),
  ]
}

function broken(keyDir: string, error: unknown): Finding {
  if (error instanceof KeyStoreError) {
    return problem(`${error.message} (${error.code})`, 'see what is said of Redis')
  }
  if (!(error instanceof SecurityError)) {
    return problem(
      `the keys of ${keyDir} cannot be read (${reasonOf(error)})`,
      'let the user of the gateway read the folder',
    )
  }
  const remedy =
    error.code === 'ERR_KEY_PASSWORD'
      ? 'check --key-password-file or NOMYO_KEY_PASSWORD'
      : 'put the right key there, or name an empty folder to have one made'
  return problem(`${error.message} (${error.code})`, remedy)
}
