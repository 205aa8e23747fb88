import { setImmediate as nextTurn } from 'node:timers/promises'
import { saltedHash, type ApiKey } from './api-key.js'

/** Hashes computed in one turn of the event loop: some milliseconds. */
const HASHES_PER_TURN = 500

/** API keys by salt: a token is hashed once for each salt, and not for each key. */
export class ApiKeyIndex {
  readonly #bySalt = new Map<string, Map<string, ApiKey>>()

  constructor(keys: readonly ApiKey[]) {
    for (const key of keys) {
      const salt = textOf(key.salt)
      const byHash = this.#bySalt.get(salt) ?? new Map<string, ApiKey>()
      this.#bySalt.set(salt, byHash.set(textOf(key.hash), key))
    }
  }

  /**
   * Finds the key that a token is. Salts and hashes are secret, so that the time of a look-up tells a caller
   * nothing about the keys, and all salts are tried for every token. Other work goes on between many of
   * them: every caller may send a token.
   */
  async find(token: string): Promise<ApiKey | undefined> {
    let found: ApiKey | undefined
    let hashes = 0
    for (const [salt, byHash] of this.#bySalt) {
      if (hashes++ === HASHES_PER_TURN) {
        hashes = 1
        await nextTurn()
      }
      found = byHash.get(textOf(saltedHash(token, Buffer.from(salt, 'latin1')))) ?? found
    }
    return found
  }
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
