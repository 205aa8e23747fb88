import { generateKeyPair, type KeyPair } from '@nomyo/crypto'
import { DECRYPT_CONCURRENCY } from '../completion/load/decrypt-concurrency.js'
import type { ServerKeyStore } from './server-key-store.js'

/** Creates a store whose keys last until the gateway stops. */
export function createMemoryStore(): ServerKeyStore {
  const keys = new Map<number, { pair: KeyPair; createdAtMs: number }>()
  return {
    shared: false,
    list: () =>
      Promise.resolve([...keys].map(([number, { createdAtMs }]) => ({ number, createdAtMs }))),
    load: (number) => {
      const key = keys.get(number)
      return key === undefined
        ? Promise.reject(new Error('There is no such key.'))
        : Promise.resolve(key.pair)
    },
    add: async (number) => {
      keys.set(number, {
        pair: await generateKeyPair({ parallel: DECRYPT_CONCURRENCY }),
        createdAtMs: Date.now(),
      })
    },
    remove: (number) => {
      keys.delete(number)
      return Promise.resolve()
    },
  }
}
