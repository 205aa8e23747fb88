import { SecurityError, type KeyPair } from '@nomyo/crypto'
import type { KeyStore } from './key-store.js'

/** The fingerprint of the newest key. @throws SecurityError when it cannot be read, or none is there */
export async function newestFingerprint(store: KeyStore): Promise<string> {
  return (await newest(store)).pair.publicKey.fingerprint
}

/**
 * Makes the next key. The newest one is read first: with another password the gateway could not read
 * what is made here.
 *
 * @returns its fingerprint
 * @throws SecurityError when a key cannot be read or kept
 */
export async function makeNextKey(store: KeyStore): Promise<string> {
  const { number } = await newest(store)
  await store.add(number + 1)
  return newestFingerprint(store)
}

async function newest(store: KeyStore): Promise<{ number: number; pair: KeyPair }> {
  const number = (await store.list()).at(-1)?.number
  if (number === undefined) throw new SecurityError('ERR_KEY_FILE', 'There is no key yet.')
  return { number, pair: await store.load(number) }
}
