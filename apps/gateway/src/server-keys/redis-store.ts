import { exportPrivateKey, generateKeyPair, importPrivateKey } from '@nomyo/crypto'
import type { Redis } from 'ioredis'
import type { Notice } from '../observability/notice.js'
import { OPENING_LANES } from '../completion/decrypt-concurrency.js'
import {
  KeyStoreError,
  LEAST_SERVER_KEY_BITS,
  type KeyStore,
  type StoredKey,
} from './server-key-store.js'

/** Which Redis, and what keys are encrypted with before they get there. */
export interface RedisStoreOptions {
  readonly redis: Redis
  readonly password: string
  readonly notice: Notice
}

/** A hash: by number, the time a key was made and the key itself, encrypted. */
const HASH = 'nomyo:server-keys'

interface Entry extends StoredKey {
  readonly pem: string
}

/**
 * Keys in Redis, for gateways that share no folder. Redis holds encrypted private keys only. Of keys
 * made at the same moment the first to arrive is the one.
 */
export function createRedisStore({ redis, password, notice }: RedisStoreOptions): KeyStore {
  const read = async (): Promise<readonly Entry[]> =>
    Object.entries(await reached(redis.hgetall(HASH)))
      .map(([field, value]) => parseEntry(field, value))
      .sort((a, b) => a.number - b.number)
  const put = (number: number, createdAtMs: number, pem: string): Promise<unknown> =>
    reached(redis.hsetnx(HASH, String(number), `${String(createdAtMs)}\n${pem}`))
  /** As it is in Redis, to be put back. */
  let newest: Entry | undefined
  return {
    shared: true,
    list: async () => {
      const entries = await read()
      if (newest === undefined || newest.number <= (entries.at(-1)?.number ?? 0)) return entries
      // Keys are removed only when there is a newer one: this Redis was restarted without its data.
      notice('Redis has lost server keys: putting back the newest')
      await put(newest.number, newest.createdAtMs, newest.pem)
      return read()
    },
    load: async (number) => {
      const entry = (await read()).find((candidate) => candidate.number === number)
      if (entry === undefined) throw new KeyStoreError(`Server key ${number} is gone from Redis.`)
      const pair = await importPrivateKey(entry.pem, {
        password,
        minBits: LEAST_SERVER_KEY_BITS,
        parallel: OPENING_LANES,
      })
      if (newest === undefined || newest.number < number) newest = entry
      return pair
    },
    add: async (number) => {
      notice('making a server key for Redis; this takes a few seconds')
      const pair = await generateKeyPair({ extractable: true })
      try {
        await put(number, Date.now(), await exportPrivateKey(pair.privateKey, { password }))
      } finally {
        pair.privateKey.dispose()
      }
    },
    remove: async (number) => {
      await reached(redis.hdel(HASH, String(number)))
    },
  }
}

function parseEntry(field: string, value: string): Entry {
  const number = /^[1-9]\d{0,8}$/.test(field) ? Number(field) : undefined
  const [, createdAtMs, pem] = /^(\d{1,15})\n([^]+)$/.exec(value) ?? []
  if (number !== undefined && pem !== undefined) {
    return { number, createdAtMs: Number(createdAtMs), pem }
  }
  throw new KeyStoreError(`${HASH} in Redis holds something that is no server key.`)
}

/** The same few texts at every attempt, so that a fault is told once. */
async function reached<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    const { name, message } = error as Error
    const refusal = name === 'ReplyError' ? /^[A-Z]+/.exec(message)?.[0] : undefined
    throw new KeyStoreError(
      refusal === undefined
        ? 'Redis, where the server keys are, does not answer.'
        : `Redis, where the server keys are, refuses (${refusal}).`,
    )
  }
}
