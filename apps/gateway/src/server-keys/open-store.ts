import type { Redis } from 'ioredis'
import type { GatewayConfig } from '../config/config.js'
import type { Notice } from '../observability/notice.js'
import { createFolderStore } from './folder-store.js'
import { KeyStoreError, type KeyStore } from './server-key-store.js'
import { createMemoryStore } from './memory-store.js'
import { readPasswordFile } from './password.js'
import { createRedisStore } from './redis-store.js'

/** Where the server keys of a gateway are. */
export type KeyPlace = Pick<GatewayConfig, 'keyDir' | 'sharedKeys' | 'redis' | 'keys'>

/**
 * The keys of a folder, of Redis, or of this process only.
 *
 * @param redis - needed for shared keys only
 * @throws SecurityError `ERR_KEY_PASSWORD` when the password cannot be read; KeyStoreError when shared
 * keys have no Redis, no password, or a folder beside it
 */
export async function openStore(
  { keyDir, sharedKeys = false, keys = {} }: KeyPlace,
  redis: Redis | undefined,
  notice: Notice,
): Promise<KeyStore> {
  const password =
    keys.passwordFile === undefined ? keys.password : await readPasswordFile(keys.passwordFile)
  if (sharedKeys) {
    if (redis !== undefined && password !== undefined && keyDir === undefined) {
      return createRedisStore({ redis, password, notice })
    }
    throw new KeyStoreError('Shared keys need a Redis and a key password, and no key folder.')
  }
  if (keyDir !== undefined) return createFolderStore({ folder: keyDir, password, notice })
  notice('no --key-dir: making a server key that lasts until the gateway stops')
  return createMemoryStore()
}
