import type { KnownKey, KnownServersStore } from '@nomyo/client'

/** Creates a store of known servers in memory, for one server. */
export function createKnownServers(): KnownServersStore {
  let keys: readonly KnownKey[] = []
  const addKeys: NonNullable<KnownServersStore['addKeys']> = (_, added, { onlyFirst } = {}) => {
    const before = keys
    if (onlyFirst !== true || before.length === 0) keys = [...before, ...added]
    return Promise.resolve(before)
  }
  return {
    fingerprintsOf: () => Promise.resolve(keys.map(({ fingerprint }) => fingerprint)),
    add: async (server, fingerprint) => {
      await addKeys(server, [{ fingerprint }])
    },
    keysOf: () => Promise.resolve(keys),
    addKeys,
  }
}
