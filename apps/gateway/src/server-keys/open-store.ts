import { readFile } from 'node:fs/promises'
import { SecurityError } from '@nomyo/crypto'
import type { GatewayConfig } from '../config/config.js'
import { GatewayError } from '../errors.js'
import type { Logger } from '../observability/log.js'
import { RedisConnection } from '../redis/connection.js'
import { createFolderStore } from './folder-store.js'
import { createMemoryStore } from './memory-store.js'
import { createRedisStore } from './redis-store.js'
import type { ServerKeyStore } from './server-key-store.js'

/** Location and password of server keys. */
export type ServerKeyLocation = Pick<GatewayConfig, 'keyDir' | 'sharedKeys' | 'redis' | 'keys'>

/**
 * Opens the store of server keys: a folder, Redis, or the memory of this process.
 *
 * @param redis - connection for shared keys
 * @throws SecurityError `ERR_KEY_PASSWORD` when the password cannot be read
 * @throws GatewayError `ERR_KEY_STORE` when shared keys lack Redis or a password, or have a folder too
 */
export async function openStore(
  { keyDir, sharedKeys = false, keys = {} }: ServerKeyLocation,
  redis: RedisConnection | undefined,
  logger: Logger,
): Promise<ServerKeyStore> {
  const password =
    keys.passwordFile === undefined ? keys.password : await readPassword(keys.passwordFile)
  if (sharedKeys) {
    if (redis !== undefined && password !== undefined && keyDir === undefined) {
      return createRedisStore({ redis, password, logger })
    }
    throw new GatewayError(
      'ERR_KEY_STORE',
      'Shared keys need Redis and a key password, and no key folder.',
    )
  }
  if (keyDir !== undefined) return createFolderStore({ folder: keyDir, password, logger })
  logger.info('no --key-dir: creating a server key that lasts until the gateway stops')
  return createMemoryStore()
}

/** Opens the store of server keys, with its own connection to Redis, for the duration of `use`. */
export async function withStore<T>(
  location: ServerKeyLocation,
  logger: Logger,
  use: (store: ServerKeyStore) => Promise<T>,
): Promise<T> {
  const redis =
    location.sharedKeys === true && location.redis !== undefined
      ? await RedisConnection.open(location.redis.url, { logger })
      : undefined
  try {
    return await use(await openStore(location, redis, logger))
  } finally {
    redis?.close()
  }
}

/** Reads a password: the first line of a file. */
async function readPassword(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new SecurityError('ERR_KEY_PASSWORD', `The password file ${path} cannot be read.`)
  })
  const [password = ''] = text.split(/\r?\n/)
  // Blanks alone protect as little as nothing.
  if (password.trim() !== '') return password
  throw new SecurityError('ERR_KEY_PASSWORD', `The password file ${path} is empty.`)
}
