import type { KeyPair } from '@nomyo/crypto'
import type { IdentityKey } from '@nomyo/crypto/wire-2'

/** Entry of a store. */
export interface StoredKey {
  /** 1 for the first key, one more for each later key. */
  readonly number: number
  readonly createdAtMs: number
}

/** Storage of keys of one kind, without their schedule: the highest number is the newest key. */
export interface KeyStore<K> {
  /** Other gateways may use the store too. */
  readonly shared: boolean
  /** Lists all keys, oldest first. */
  list(): Promise<readonly StoredKey[]>
  /** @throws SecurityError when the key cannot be read */
  load(number: number): Promise<K>
  /**
   * Creates a key. If another process creates it first, that key is kept.
   *
   * @throws SecurityError, GatewayError, or a system error, when the key cannot be stored
   */
  add(number: number): Promise<void>
  remove(number: number): Promise<void>
}

/** RSA keys, which requests of wire 1 are encrypted to. */
export type ServerKeyStore = KeyStore<KeyPair>

/** Ed25519 keys, which sign the key statements of wire 2. */
export type IdentityKeyStore = KeyStore<IdentityKey>

/** The stores of both kinds, at one place. */
export interface KeyStores {
  readonly serverKeys: ServerKeyStore
  readonly identities: IdentityKeyStore
}
