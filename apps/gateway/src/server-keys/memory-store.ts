import { generateKeyPair, type KeyPair } from '@nomyo/crypto'
import { OPENING_LANES } from '../completion/decrypt-concurrency.js'
import type { KeyStore } from './server-key-store.js'

/** Keys that last until the gateway stops. */
export function createMemoryStore(): KeyStore {
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
        pair: await generateKeyPair({ parallel: OPENING_LANES }),
        createdAtMs: Date.now(),
      })
    },
    remove: (number) => {
      keys.delete(number)
      return Promise.resolve()
    },
  }
}
