import { readFile } from 'node:fs/promises'
import { SecurityError } from '@nomyo/crypto'
import type { GatewayConfig, KeyConfig } from '../config/config.js'
import { GatewayError } from '../errors.js'
import type { Logger } from '../observability/log.js'
import { RedisConnection } from '../redis/connection.js'
import { createFolderStore } from './folder-store.js'
import { createIdentityFolderStore } from './identity-folder-store.js'
import { IDENTITY_KEYS } from './identity-kind.js'
import type { KeyStores } from './key-store.js'
import { createMemoryStore } from './memory-store.js'
import { createRedisStore } from './redis-store.js'
import { RSA_KEYS } from './rsa-kind.js'

/** Location and password of server keys. */
export type ServerKeyLocation = Pick<GatewayConfig, 'keyDir' | 'sharedKeys' | 'redis' | 'keys'>

/**
 * Opens the stores of server keys: a folder, Redis, or the memory of this process.
 *
 * @param redis - connection for shared keys
 * @throws SecurityError `ERR_KEY_PASSWORD` when the password cannot be read
 * @throws GatewayError `ERR_KEY_STORE` when shared keys lack Redis or a password, or have a folder too
 */
export async function openStores(
  { keyDir, sharedKeys = false, keys = {} }: ServerKeyLocation,
  redis: RedisConnection | undefined,
  logger: Logger,
): Promise<KeyStores> {
  const password = await keyPassword(keys)
  if (sharedKeys) {
    if (redis !== undefined && password !== undefined && keyDir === undefined) {
      const options = { redis, password, logger }
      return {
        serverKeys: createRedisStore({ ...options, kind: RSA_KEYS }),
        identities: createRedisStore({ ...options, kind: IDENTITY_KEYS }),
      }
    }
    throw new GatewayError(
      'ERR_KEY_STORE',
      'Shared keys need Redis and a key password, and no key folder.',
    )
  }
  if (keyDir !== undefined) {
    const options = { folder: keyDir, password, logger }
    return {
      serverKeys: createFolderStore(options),
      identities: createIdentityFolderStore(options),
    }
  }
  logger.info('no --key-dir: creating a server key that lasts until the gateway stops')
  return {
    serverKeys: createMemoryStore(RSA_KEYS),
    identities: createMemoryStore(IDENTITY_KEYS),
  }
}

/** Opens the stores, with their own connection to Redis, for the duration of `use`. */
export async function withStores<T>(
  location: ServerKeyLocation,
  logger: Logger,
  use: (stores: KeyStores) => Promise<T>,
): Promise<T> {
  const redis =
    location.sharedKeys === true && location.redis !== undefined
      ? await RedisConnection.open(location.redis.url, { logger })
      : undefined
  try {
    return await use(await openStores(location, redis, logger))
  } finally {
    redis?.close()
  }
}

/**
 * Returns the password of keys, if there is one.
 *
 * @throws SecurityError `ERR_KEY_PASSWORD` when it cannot be read
 */
export async function keyPassword({
  password,
  passwordFile,
}: Pick<KeyConfig, 'password' | 'passwordFile'>): Promise<string | undefined> {
  return passwordFile === undefined ? password : readPassword(passwordFile)
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
