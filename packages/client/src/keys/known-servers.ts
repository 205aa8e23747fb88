import { SecurityError, type PublicKey } from '@nomyo/crypto'

/** Where the keys of known servers are kept. */
export interface KnownServersStore {
  /** The fingerprints (`sha256/...`) known for a server, by its base URL. */
  fingerprintsOf(server: string): Promise<readonly string[]>
  /** Remembers one more. */
  add(server: string, fingerprint: string): Promise<void>
  /**
   * Remembers the first one, unless one is known by now, in one step that nobody comes between. Gives
   * what was known before it. A store that is not shared can do without.
   */
  addFirst?(server: string, fingerprint: string): Promise<readonly string[]>
}

/** What a server is called: its base URL, without a slash at its end. */
export const serverName = ({ href }: URL): string => href.replace(/\/$/, '')

/** What was found out about a server key. */
export interface ServerKeyEvent {
  /** `first-use`: nothing was known, the key is trusted from now on. `changed`: another one was known. */
  readonly type: 'first-use' | 'known' | 'changed'
  /** Base URL of the server. */
  readonly server: string
  readonly fingerprint: string
  /** What was known before. */
  readonly known: readonly string[]
}

/**
 * Trusts the key a server shows first, and from then on only that one. As good as the connection of
 * that first time, and no better.
 *
 * @throws SecurityError `ERR_SERVER_KEY_CHANGED`
 */
export async function checkKnownServer(
  store: KnownServersStore,
  server: string,
  key: PublicKey,
  onEvent: (event: ServerKeyEvent) => void,
): Promise<void> {
  const { fingerprint } = key
  let known = await store.fingerprintsOf(server)
  if (known.length === 0) {
    known = await addFirst(store, server, fingerprint)
    if (known.length === 0) {
      onEvent({ type: 'first-use', server, fingerprint, known })
      return
    }
  }
  if (known.includes(fingerprint)) {
    onEvent({ type: 'known', server, fingerprint, known })
    return
  }
  onEvent({ type: 'changed', server, fingerprint, known })
  throw new SecurityError(
    'ERR_SERVER_KEY_CHANGED',
    `The key of ${server} has changed: known is ${known.join(' or ')}, shown was ${fingerprint}. Somebody may be ` +
      'in between. Ask its operator, on another way than this connection, whether the new fingerprint is ' +
      'genuine; if it is, replace the old line in the known-servers file.',
  )
}

async function addFirst(
  store: KnownServersStore,
  server: string,
  fingerprint: string,
): Promise<readonly string[]> {
  if (store.addFirst !== undefined) return store.addFirst(server, fingerprint)
  await store.add(server, fingerprint)
  return []
}
