import { randomBytes } from 'node:crypto'
import { HttpError } from '../../http-error.js'
import { EventLoopTurns } from '../../json/event-loop-turns.js'
import { SALT_BYTES, saltedHash, type ApiKey } from './api-key.js'

/** Hashes computed in one turn of the event loop: some milliseconds. */
const HASHES_PER_TURN = 250
/** As many salts are tried at once. */
const FEW_SALTS = 8
/** Searches among many salts at a time. */
const MAX_SEARCHES = 16
const RETRY_AFTER_S = 1

/** API keys by salt: a token is hashed once for each salt, and not for each key. */
export class ApiKeyIndex {
  readonly #bySalt = new Map<string, Map<string, ApiKey>>()
  readonly #turns = new EventLoopTurns()
  #searches = 0
  /** Keys found among many salts, by the hash of their token under a salt of this process. */
  readonly #found = new Map<string, ApiKey>()
  readonly #ownSalt = randomBytes(SALT_BYTES)

  constructor(keys: readonly ApiKey[]) {
    for (const key of keys) {
      const salt = textOf(key.salt)
      const byHash = this.#bySalt.get(salt) ?? new Map<string, ApiKey>()
      this.#bySalt.set(salt, byHash.set(textOf(key.hash), key))
    }
  }

  /**
   * Finds the key that a token is. Salts and hashes are secret, so that the time of a look-up tells a caller
   * nothing about the keys, and all salts are tried for a token that was not found before. Every caller may
   * send a token: searches among many salts are in turns with other work, few at a time, and a token that
   * was found before waits for none of them.
   *
   * @throws HttpError 503 while too many searches are in progress
   */
  async find(token: string): Promise<ApiKey | undefined> {
    if (this.#bySalt.size <= FEW_SALTS) return this.#search(token)
    const name = textOf(saltedHash(token, this.#ownSalt))
    const known = this.#found.get(name)
    if (known !== undefined) return known
    if (this.#searches >= MAX_SEARCHES) {
      throw new HttpError(503, 'This gateway is busy', RETRY_AFTER_S)
    }
    this.#searches++
    try {
      const key = await this.#search(token, this.#turns)
      if (key !== undefined) this.#found.set(name, key)
      return key
    } finally {
      this.#searches--
    }
  }

  async #search(token: string, turns?: EventLoopTurns): Promise<ApiKey | undefined> {
    let found: ApiKey | undefined
    let hashes = 0
    for (const [salt, byHash] of this.#bySalt) {
      if (hashes++ % HASHES_PER_TURN === 0) await turns?.next()
      found = byHash.get(textOf(saltedHash(token, Buffer.from(salt, 'latin1')))) ?? found
    }
    return found
  }
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
