import type { KeyPair } from '@nomyo/crypto'

/** Smaller server keys are refused by clients. */
export const LEAST_SERVER_KEY_BITS = 4096

/** A key of a store. */
export interface StoredKey {
  /** The first key is number 1, each later one has the next number. */
  readonly number: number
  readonly createdAtMs: number
}

/** Where server keys are kept. Knows no order of use: the highest number is the newest. */
export interface KeyStore {
  /** Whether other gateways may use it too. */
  readonly shared: boolean
  /** Every key there is, oldest first. */
  list(): Promise<readonly StoredKey[]>
  /** @throws SecurityError when it cannot be read */
  load(number: number): Promise<KeyPair>
  /**
   * Makes a key. Where another process was quicker, its key is the one.
   *
   * @throws SecurityError, KeyStoreError, or a system error, when it cannot be kept
   */
  add(number: number): Promise<void>
  remove(number: number): Promise<void>
}

/** The place of the server keys cannot be used. The message holds no address and no secret. */
export class KeyStoreError extends Error {
  override readonly name = 'KeyStoreError'
  readonly code = 'ERR_KEY_STORE'
}
