import { exportPrivateKey, generateKeyPair, importPrivateKey } from '@nomyo/crypto'
import { DECRYPT_CONCURRENCY } from '../completion/load/decrypt-concurrency.js'
import { GatewayError } from '../errors.js'
import type { Logger } from '../observability/log.js'
import type { RedisClient } from '../redis/client.js'
import type { RedisConnection } from '../redis/connection.js'
import { isRefusal, RedisError } from '../redis/error-code.js'
import { MIN_SERVER_KEY_BITS, type ServerKeyStore, type StoredKey } from './server-key-store.js'

/** Connection, and the password that encrypts keys before they leave this process. */
export interface RedisStoreOptions {
  readonly redis: RedisConnection
  readonly password: string
  readonly logger: Logger
}

/** Hash with a field per number: the creation time and the encrypted key. */
export const SERVER_KEYS_HASH = 'nomyo:server-keys'

interface Entry extends StoredKey {
  readonly pem: string
}

/**
 * Creates a store in Redis, for gateways without a common folder. Redis holds encrypted private keys
 * only. Of keys with the same number, the first to arrive is kept.
 */
export function createRedisStore({ redis, password, logger }: RedisStoreOptions): ServerKeyStore {
  const run = <T>(command: (client: RedisClient) => Promise<T>): Promise<T> =>
    answered(redis.run('keys', 'keys', command))
  const read = async (): Promise<readonly Entry[]> =>
    Object.entries(await run((client) => client.hgetall(SERVER_KEYS_HASH)))
      .map(([field, value]) => parseEntry(field, value))
      .sort((a, b) => a.number - b.number)
  const put = (number: number, createdAtMs: number, pem: string): Promise<unknown> =>
    run((client) =>
      client.hsetnx(SERVER_KEYS_HASH, String(number), `${String(createdAtMs)}\n${pem}`),
    )
  /** Copy of the newest entry, to restore it. */
  let newest: Entry | undefined
  return {
    shared: true,
    list: async () => {
      const entries = await read()
      if (newest === undefined || newest.number <= (entries.at(-1)?.number ?? 0)) return entries
      // Keys are removed only after a newer one exists: Redis was restarted without its data.
      logger.warn('Redis has lost server keys: restoring the newest')
      await put(newest.number, newest.createdAtMs, newest.pem)
      return read()
    },
    load: async (number) => {
      const entry = (await read()).find((candidate) => candidate.number === number)
      if (entry === undefined) {
        throw new GatewayError('ERR_KEY_STORE', `Server key ${number} is missing in Redis.`)
      }
      const pair = await importPrivateKey(entry.pem, {
        password,
        minBits: MIN_SERVER_KEY_BITS,
        parallel: DECRYPT_CONCURRENCY,
      })
      if (newest === undefined || newest.number < number) newest = entry
      return pair
    },
    add: async (number) => {
      logger.info('creating a server key for Redis; this takes a few seconds')
      const pair = await generateKeyPair({ extractable: true })
      try {
        await put(number, Date.now(), await exportPrivateKey(pair.privateKey, { password }))
      } finally {
        pair.privateKey.dispose()
      }
    },
    remove: async (number) => {
      await run((client) => client.hdel(SERVER_KEYS_HASH, String(number)))
    },
  }
}

function parseEntry(field: string, value: string): Entry {
  const number = /^[1-9]\d{0,8}$/.test(field) ? Number(field) : undefined
  const [, createdAtMs, pem] = /^(\d{1,15})\n([^]+)$/.exec(value) ?? []
  if (number !== undefined && pem !== undefined) {
    return { number, createdAtMs: Number(createdAtMs), pem }
  }
  throw new GatewayError(
    'ERR_KEY_STORE',
    `${SERVER_KEYS_HASH} in Redis contains an entry that is no server key.`,
  )
}

/** Translates failures of Redis into few fixed texts, so that repeated failures are reported once. */
async function answered<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof RedisError)) throw error
    throw new GatewayError(
      'ERR_KEY_STORE',
      // Codes of a connection change while Redis is unavailable.
      isRefusal(error.code)
        ? `Redis, which stores the server keys, refuses (${error.code}).`
        : 'Redis, which stores the server keys, does not answer.',
    )
  }
}
