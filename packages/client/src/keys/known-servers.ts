import { SecurityError, type PublicKey } from '@nomyo/crypto'
import { invalidOption } from '../config/checks.js'

/** A key of a known server. */
export interface KnownKey {
  /** `sha256/...` */
  readonly fingerprint: string
  /** 2 for an identity key, with which the server signs its request keys for wire 2. */
  readonly wire?: 2
}

/** A store of the keys of known servers. */
export interface KnownServersStore {
  /** Returns the fingerprints (`sha256/...`) known for a server, by its base URL. */
  fingerprintsOf(server: string): Promise<readonly string[]>
  /** Adds a fingerprint. */
  add(server: string, fingerprint: string): Promise<void>
  /**
   * Adds the first fingerprint, unless one is known already, in one atomic step. Returns the fingerprints
   * known before. A store that is not shared can omit it.
   */
  addFirst?(server: string, fingerprint: string): Promise<readonly string[]>
  /**
   * Returns the keys known for a server. A store that has this and {@link addKeys} remembers that a server
   * speaks wire 2, so that no client of it can be talked down to wire 1. Any other remembers fingerprints.
   */
  keysOf?(server: string): Promise<readonly KnownKey[]>
  /**
   * Adds keys in one atomic step; with `onlyFirst`, only where none is known. Returns the keys known before.
   */
  addKeys?(
    server: string,
    keys: readonly KnownKey[],
    options?: { readonly onlyFirst?: boolean },
  ): Promise<readonly KnownKey[]>
}

/** Returns the name of a server: its base URL, without a slash at its end. */
export const serverName = ({ href }: URL): string => href.replace(/\/$/, '')

/** The result of looking up a server key. */
export interface ServerKeyEvent {
  /**
   * `first-use`: no key was known; this one is trusted from now on. `vouched`: the holder of a key that was
   * known or pinned stands behind this one, which is trusted from now on. `changed`: another one was known.
   */
  readonly type: 'first-use' | 'known' | 'vouched' | 'changed'
  /** Base URL of the server. */
  readonly server: string
  readonly fingerprint: string
  /** The fingerprints known before. */
  readonly known: readonly string[]
  /** 2 for the identity key of a server that speaks wire 2; absent for its RSA key. */
  readonly wire?: 2
}

/**
 * Looks a server key up. A server without a known key is no error: {@link recordFirstUse} follows when
 * everything else has accepted the key.
 *
 * @throws SecurityError `ERR_SERVER_KEY_CHANGED`
 */
export async function lookUpServer(
  store: KnownServersStore,
  server: string,
  key: PublicKey,
  onEvent: (event: ServerKeyEvent) => void,
): Promise<boolean> {
  const known = fingerprints(await store.fingerprintsOf(server))
  if (known.length > 0) compare(known, server, key, onEvent)
  return known.length > 0
}

/**
 * Trusts the first key of a server, and from then on only that one. As good as the connection of that
 * first time, and no better.
 *
 * @throws SecurityError `ERR_SERVER_KEY_CHANGED` where another one was recorded since it was looked up
 */
export async function recordFirstUse(
  store: KnownServersStore,
  server: string,
  key: PublicKey,
  onEvent: (event: ServerKeyEvent) => void,
): Promise<void> {
  const { fingerprint } = key
  let known: readonly string[] = []
  if (store.addFirst === undefined) await store.add(server, fingerprint)
  else known = fingerprints(await store.addFirst(server, fingerprint))
  if (known.length > 0) compare(known, server, key, onEvent)
  else onEvent({ type: 'first-use', server, fingerprint, known })
}

/**
 * Checks the fingerprints of a store, which may return anything: nothing, above all, must not pass for an
 * unknown server.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`
 */
export function fingerprints(known: unknown): readonly string[] {
  if (Array.isArray(known) && known.every((one) => typeof one === 'string')) return known
  throw invalidOption('knownServers', 'must return arrays of fingerprints')
}

function compare(
  known: readonly string[],
  server: string,
  { fingerprint }: PublicKey,
  onEvent: (event: ServerKeyEvent) => void,
): void {
  const type = known.includes(fingerprint) ? 'known' : 'changed'
  const event = { type, server, fingerprint, known } as const
  if (type === 'changed') throw serverKeyChanged(event, { onServerKey: onEvent })
  onEvent(event)
}

/** Reports that a server has another key than the known ones, and creates the error. */
export function serverKeyChanged(
  event: ServerKeyEvent,
  { onServerKey }: { readonly onServerKey: (event: ServerKeyEvent) => void },
): SecurityError {
  onServerKey(event)
  const { server, known, fingerprint } = event
  return new SecurityError(
    'ERR_SERVER_KEY_CHANGED',
    `The key of ${server} has changed. Known: ${known.join(' or ')}; received: ${fingerprint}. This may be an ` +
      'attack. Replace the known key only if the operator confirms it out of band.',
  )
}
