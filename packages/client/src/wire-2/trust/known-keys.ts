import { invalidOption, isObject } from '../../config/checks.js'
import { fingerprints, type KnownKey, type KnownServersStore } from '../../keys/known-servers.js'

/** Returns the keys known for a server. A store of fingerprints alone does not know which wire they serve. */
export async function knownKeys(
  store: KnownServersStore,
  server: string,
): Promise<readonly KnownKey[]> {
  if (store.keysOf !== undefined) return keysIn(await store.keysOf(server))
  return withoutWire(await store.fingerprintsOf(server))
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
  if (store.addKeys !== undefined) {
    return keysIn(await store.addKeys(server, keys, { onlyFirst: true }))
  }
  const [first, ...others] = keys
  if (first === undefined) return []
  if (store.addFirst === undefined) await store.add(server, first.fingerprint)
  else {
    const known = withoutWire(await store.addFirst(server, first.fingerprint))
    if (known.length > 0) return known
  }
  await addKeys(store, server, others)
  return []
}

const withoutWire = (known: unknown): readonly KnownKey[] =>
  fingerprints(known).map((fingerprint) => ({ fingerprint }))

/** A store of a caller may return anything, which must not pass for a server that never spoke wire 2. */
function keysIn(known: unknown): readonly KnownKey[] {
  const isKey = (key: unknown): key is KnownKey =>
    isObject(key) &&
    typeof key['fingerprint'] === 'string' &&
    (key['wire'] === undefined || key['wire'] === 2)
  if (Array.isArray(known) && known.every(isKey)) return known
  throw invalidOption('knownServers', 'must return arrays of { fingerprint, wire }, wire being 2')
}
