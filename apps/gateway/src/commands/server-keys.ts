import { SecurityError, type KeyPair } from '@nomyo/crypto'
import type { Notice } from '../observability/notice.js'
import { connectRedis } from '../redis/connect-redis.js'
import type { KeyStore } from '../server-keys/server-key-store.js'
import { openStore, type KeyPlace } from '../server-keys/open-store.js'

/** What is done with server keys, also while gateways use them. */
export type KeyCommand = (typeof KEY_COMMANDS)[number]
export const KEY_COMMANDS = ['rotate', 'fingerprint'] as const

/**
 * `nomyo-gateway rotate` and `nomyo-gateway fingerprint`.
 *
 * @returns the fingerprint of the newest key
 * @throws SecurityError when a key cannot be read or kept, KeyStoreError when Redis cannot be had
 */
export async function runKeyCommand(
  command: KeyCommand,
  place: KeyPlace,
  notice: Notice,
): Promise<string> {
  return withStore(place, notice, command === 'rotate' ? makeNextKey : newestFingerprint)
}

/** Opens the store of server keys, and the connection to it, for as long as something is done with it. */
export async function withStore<T>(
  place: KeyPlace,
  notice: Notice,
  use: (store: KeyStore) => Promise<T>,
): Promise<T> {
  const redis =
    place.sharedKeys === true && place.redis !== undefined
      ? await connectRedis(place.redis.url, notice)
      : undefined
  try {
    return await use(await openStore(place, redis, notice))
  } finally {
    redis?.disconnect()
  }
}

/** Of the key that is handed out, or soon will be. @throws SecurityError when there is none */
export async function newestFingerprint(store: KeyStore): Promise<string> {
  return (await newest(store)).pair.publicKey.fingerprint
}

/**
 * Makes the next key. The newest one is read first: with another password the gateway could not read
 * what is made here.
 */
async function makeNextKey(store: KeyStore): Promise<string> {
  const { number } = await newest(store)
  await store.add(number + 1)
  return newestFingerprint(store)
}

async function newest(store: KeyStore): Promise<{ number: number; pair: KeyPair }> {
  const number = (await store.list()).at(-1)?.number
  if (number === undefined) throw new SecurityError('ERR_KEY_FILE', 'There is no key yet.')
  return { number, pair: await store.load(number) }
}
