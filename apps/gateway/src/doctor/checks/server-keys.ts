import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SecurityError } from '@nomyo/crypto'
import type { GatewayConfig, KeyConfig } from '../../config.js'
import type { KeyStore, StoredKey } from '../../server-keys/key-store.js'
import { openFolderStore } from '../../server-keys/open-store.js'
import { isWritable, lookAtAccess } from '../file-access.js'
import { ok, problem, warning, type Check, type Finding } from '../finding.js'
import { reasonOf } from '../reason.js'

const DAY_MS = 86_400_000

/** The folder of the server keys: whether they can be read, by whom, and how old they are. */
export const serverKeysCheck: Check = {
  name: 'server keys',
  run: async ({ keyDir, keys = {} }: GatewayConfig) => {
    if (keyDir === undefined) {
      return [
        warning(
          'each start makes another server key, which nobody can pin',
          'keep it in a folder: --key-dir DIR',
        ),
      ]
    }
    try {
      const store = await openFolderStore(keyDir, keys, () => undefined)
      return await lookAt(keyDir, keys, store)
    } catch (error) {
      return [broken(keyDir, error)]
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
  const findings = [...(await lookAtAccess(keyDir, { mode: '700', secret: false }))]
  for (const { number } of stored) {
    const path = join(keyDir, number === 1 ? '' : `key-${number}`, 'private_key.pem')
    findings.push(...(await lookAtAccess(path, { mode: '600', secret: true })))
  }
  // Also the one before it, which keeps the gateway from starting when it still opens and cannot be read.
  for (const { number } of stored.slice(-2))
    findings.push(...(await lookAtKey(store, number, newest)))
  return [...findings, ...(await lookAtRotation(keyDir, keys, newest))]
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

async function lookAtRotation(
  keyDir: string,
  { rotationMs }: KeyConfig,
  newest: StoredKey,
): Promise<readonly Finding[]> {
  if (rotationMs === undefined) return []
  const findings: Finding[] = []
  if (!(await isWritable(keyDir))) {
    findings.push(
      problem(
        `${keyDir} cannot be written, so --key-rotation makes no key`,
        'let the user of the gateway write it',
      ),
    )
  }
  if (Date.now() - newest.createdAtMs >= rotationMs) {
    findings.push(
      warning(
        'the newest key is older than --key-rotation; the next one is made when the gateway starts',
        'if it is running, look for "server keys cannot be renewed" in its log',
      ),
    )
  }
  return findings
}

function broken(keyDir: string, error: unknown): Finding {
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
