import { fingerprints, type KnownKey, type KnownServersStore } from '../../keys/known-servers.js'

/** Returns the keys known for a server. A store of fingerprints alone does not know which wire they serve. */
export async function knownKeys(
  store: KnownServersStore,
  server: string,
): Promise<readonly KnownKey[]> {
  if (store.keysOf !== undefined) return store.keysOf(server)
  return fingerprints(await store.fingerprintsOf(server)).map((fingerprint) => ({ fingerprint }))
}

/** Adds keys of a known server. */
export async function addKeys(
  store: KnownServersStore,
  server: string,
  keys: readonly KnownKey[],
): Promise<void> {
  if (store.addKeys !== undefined) await store.addKeys(server, keys)
  else for (const { fingerprint } of keys) await store.add(server, fingerprint)
}

/** Adds the first keys of a server, unless some are known already, which are returned. */
export async function addFirstKeys(
  store: KnownServersStore,
  server: string,
  keys: readonly KnownKey[],
): Promise<readonly KnownKey[]> {
  if (store.addKeys !== undefined) return store.addKeys(server, keys, { onlyFirst: true })
  const [first, ...others] = keys
  if (first === undefined) return []
  if (store.addFirst === undefined) await store.add(server, first.fingerprint)
  else {
    const known = fingerprints(await store.addFirst(server, first.fingerprint))
    if (known.length > 0) return known.map((fingerprint) => ({ fingerprint }))
  }
  await addKeys(store, server, others)
  return []
}
