import type { KeyPair } from '@nomyo/crypto'

/** Clients refuse smaller server keys. */
export const MIN_SERVER_KEY_BITS = 4096

/** Entry of a store. */
export interface StoredKey {
  /** 1 for the first key, one more for each later key. */
  readonly number: number
  readonly createdAtMs: number
}

/** Storage of server keys, without their schedule: the highest number is the newest key. */
export interface ServerKeyStore {
  /** Other gateways may use the store too. */
  readonly shared: boolean
  /** Lists all keys, oldest first. */
  list(): Promise<readonly StoredKey[]>
  /** @throws SecurityError when the key cannot be read */
  load(number: number): Promise<KeyPair>
  /**
   * Creates a key. If another process creates it first, that key is kept.
   *
   * @throws SecurityError, GatewayError, or a system error, when the key cannot be stored
   */
  add(number: number): Promise<void>
  remove(number: number): Promise<void>
}
