import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { errnoCode, ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { SecurityError } from '@nomyo/crypto'
import { silentLogger } from '../../observability/log.js'
import { withStores } from '../../server-keys/open-stores.js'
import type { KeyConfig } from '../../config/config.js'
import type { ServerKeyStore, StoredKey } from '../../server-keys/key-store.js'
import { checkAccess, isWritable } from '../file-access.js'
import type { Check } from '../check.js'
import { GatewayError } from '../../errors.js'

const DAY_MS = 86_400_000

/** Checks that the server keys can be read by the gateway only, and their age. */
export const serverKeysCheck: Check = {
  name: 'server keys',
  run: async (config) => {
    const { keyDir, sharedKeys = false, keys = {} } = config
    if (keyDir === undefined && !sharedKeys) {
      const message = 'each start creates a new server key, which clients cannot pin'
      return [warning(message, 'keep it in a folder: --key-dir DIR')]
    }
    try {
      return await withStores(config, silentLogger, ({ serverKeys }) =>
        keyDir === undefined ? checkShared(keys, serverKeys) : check(keyDir, keys, serverKeys),
      )
    } catch (error) {
      return [describeFailure(keyDir ?? 'Redis', error)]
    }
  },
}

async function check(
  keyDir: string,
  keys: KeyConfig,
  store: ServerKeyStore,
): Promise<readonly Finding[]> {
  const stored = await store.list()
  const newest = stored.at(-1)
  if (newest === undefined) return [await checkEmpty(keyDir)]
  const findings: Finding[] = [...(await checkAccess(keyDir, { mode: '700', secret: false }))]
  for (const { number } of stored) {
    const path = join(keyDir, number === 1 ? '' : `key-${number}`, 'private_key.pem')
    findings.push(...(await checkAccess(path, { mode: '600', secret: true })))
  }
  findings.push(...(await checkKeys(store, stored, newest)))
  if (keys.rotationMs !== undefined && !(await isWritable(keyDir))) {
    const message = `${keyDir} is not writable, so --key-rotation creates no key`
    findings.push(problem(message, 'let the user of the gateway write to it'))
  }
  return [...findings, ...checkAge(keys, newest)]
}

/** Checks keys in Redis; its own check reports whether it is reachable. */
async function checkShared(keys: KeyConfig, store: ServerKeyStore): Promise<readonly Finding[]> {
  const stored = await store.list()
  const newest = stored.at(-1)
  if (newest === undefined) return [ok('Redis has no key yet: the first start creates one')]
  return [...(await checkKeys(store, stored, newest)), ...checkAge(keys, newest)]
}

/** Loads the newest and the previous key: a gateway that cannot read both does not start. */
async function checkKeys(
  store: ServerKeyStore,
  stored: readonly StoredKey[],
  newest: StoredKey,
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const { number } of stored.slice(-2)) {
    const { publicKey, privateKey } = await store.load(number)
    privateKey.dispose()
    if (number !== newest.number) continue
    const days = Math.floor((Date.now() - newest.createdAtMs) / DAY_MS)
    findings.push(ok(`${publicKey.fingerprint}, ${publicKey.bits} bits, ${days} days old`))
  }
  return findings
}

async function checkEmpty(keyDir: string): Promise<Finding> {
  if (existsSync(join(keyDir, 'public_key.pem'))) {
    return problem(
      `${keyDir} has a public key and no private key`,
      'restore the private key, or move the public key elsewhere: then a start creates a new pair',
    )
  }
  if (await isWritable(keyDir)) return ok(`${keyDir} has no key yet: the first start creates one`)
  return problem(
    `${keyDir} has no key yet, and none can be created there`,
    'let the user of the gateway write to the folder, or to its parent',
  )
}

function checkAge({ rotationMs }: KeyConfig, newest: StoredKey): readonly Finding[] {
  if (rotationMs === undefined || Date.now() - newest.createdAtMs < rotationMs) return []
  return [
    warning(
      'the newest key is older than --key-rotation; the next start creates another',
      'if the gateway is running, search its log for "server keys cannot be renewed"',
    ),
  ]
}

function describeFailure(place: string, error: unknown): Finding {
  if (error instanceof GatewayError) {
    return problem(`${error.message} (${error.code})`, 'see the findings on Redis')
  }
  if (!(error instanceof SecurityError)) {
    return problem(
      `the keys of ${place} cannot be read (${errnoCode(error)})`,
      'let the user of the gateway read the folder',
    )
  }
  const remedy =
    error.code === 'ERR_KEY_PASSWORD'
      ? 'check --key-password-file or NOMYO_KEY_PASSWORD'
      : 'restore the right key, or set --key-dir to an empty folder: then a start creates one'
  return problem(`${error.message} (${error.code})`, remedy)
}
