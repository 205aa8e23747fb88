import type { KeyKind } from './key-kind.js'
import type { KeyStore } from './key-store.js'

/** Creates a store whose keys last until the gateway stops. */
export function createMemoryStore<K>(kind: KeyKind<K>): KeyStore<K> {
  const keys = new Map<number, { key: K; createdAtMs: number }>()
  return {
    shared: false,
    list: () =>
      Promise.resolve([...keys].map(([number, { createdAtMs }]) => ({ number, createdAtMs }))),
    load: (number) => {
      const stored = keys.get(number)
      return stored === undefined
        ? Promise.reject(new Error('There is no such key.'))
        : Promise.resolve(stored.key)
    },
    add: async (number) => {
      keys.set(number, { key: await kind.generate(), createdAtMs: Date.now() })
    },
    remove: (number) => {
      keys.delete(number)
      return Promise.resolve()
    },
  }
}
