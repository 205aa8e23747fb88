import { GatewayError } from '../errors.js'
import type { Logger } from '../observability/log.js'
import type { RedisClient } from '../redis/client.js'
import type { RedisConnection } from '../redis/connection.js'
import { isRefusal, RedisError } from '../redis/error-code.js'
import type { KeyKind } from './key-kind.js'
import type { KeyStore, StoredKey } from './key-store.js'

/** Connection, kind of keys, and the password that encrypts them before they leave this process. */
export interface RedisStoreOptions<K> {
  readonly redis: RedisConnection
  readonly kind: KeyKind<K>
  readonly password: string
  readonly logger: Logger
}

interface Entry extends StoredKey {
  readonly pem: string
}

/**
 * Creates a store in Redis, for gateways without a common folder. Redis holds encrypted private keys
 * only. Of keys with the same number, the first to arrive is kept.
 */
export function createRedisStore<K>({
  redis,
  kind,
  password,
  logger,
}: RedisStoreOptions<K>): KeyStore<K> {
  const { hash, name } = kind
  const run = <T>(command: (client: RedisClient) => Promise<T>): Promise<T> =>
    answered(redis.run('keys', 'keys', command))
  const read = async (): Promise<readonly Entry[]> =>
    Object.entries(await run((client) => client.hgetall(hash)))
      .map(([field, value]) => parseEntry(hash, field, value))
      .sort((a, b) => a.number - b.number)
  const put = (number: number, createdAtMs: number, pem: string): Promise<unknown> =>
    run((client) => client.hsetnx(hash, String(number), `${String(createdAtMs)}\n${pem}`))
  /** Copy of the newest entry, to restore it. */
  let newest: Entry | undefined
  return {
    shared: true,
    list: async () => {
      const entries = await read()
      if (newest === undefined || newest.number <= (entries.at(-1)?.number ?? 0)) return entries
      // Keys are removed only after a newer one exists: Redis was restarted without its data.
      logger.warn(`the ${name} is missing in Redis: restoring the newest one`)
      await put(newest.number, newest.createdAtMs, newest.pem)
      return read()
    },
    load: async (number) => {
      const entry = (await read()).find((candidate) => candidate.number === number)
      if (entry === undefined) {
        throw new GatewayError('ERR_KEY_STORE', `The ${name} ${number} is missing in Redis.`)
      }
      const key = await kind.read(entry.pem, password)
      if (newest === undefined || newest.number < number) newest = entry
      return key
    },
    add: async (number) => {
      if (kind.takesSeconds) logger.info(`creating a ${name} for Redis; this takes a few seconds`)
      await put(number, Date.now(), await kind.generatePem(password))
    },
    remove: async (number) => {
      await run((client) => client.hdel(hash, String(number)))
    },
  }
}

function parseEntry(hash: string, field: string, value: string): Entry {
  const number = /^[1-9]\d{0,8}$/.test(field) ? Number(field) : undefined
  const [, createdAtMs, pem] = /^(\d{1,15})\n([^]+)$/.exec(value) ?? []
  if (number !== undefined && pem !== undefined) {
    return { number, createdAtMs: Number(createdAtMs), pem }
  }
  throw new GatewayError('ERR_KEY_STORE', `${hash} in Redis contains an entry that is not a key.`)
}

/** Translates failures of Redis into few fixed texts, so that repeated failures are reported once. */
export async function answered<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof RedisError)) throw error
    throw new GatewayError(
      'ERR_KEY_STORE',
      // Codes of a connection change while Redis is unavailable.
      isRefusal(error.code)
        ? `Redis, which stores keys, refuses (${error.code}).`
        : 'Redis, which stores keys, does not respond.',
    )
  }
}
