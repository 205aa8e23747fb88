import { SecurityError } from '@nomyo/crypto'
import type { IdentityKey } from '@nomyo/crypto/wire-2'
import type { FastifyBaseLogger } from 'fastify'
import { FailureReport } from '../observability/failure-report.js'
import type { Logger } from '../observability/log.js'
import type { IdentityKeyStore, StoredKey } from './key-store.js'

/** A statement has room for no more signatures. */
const MAX_SIGNING = 8

interface HeldKey extends StoredKey {
  readonly key: IdentityKey
}

/**
 * The identity keys in use. The store is authoritative: every key signs from its discovery, and a key that
 * has a successor until the overlap is over; then it is removed. A failure to read changes nothing.
 */
export class IdentityKeys {
  readonly #store: IdentityKeyStore
  readonly #overlapMs: number
  readonly #logger: Logger
  readonly #failures: FailureReport
  #held: readonly HeldKey[] = []

  private constructor(store: IdentityKeyStore, overlapMs: number, logger: Logger) {
    this.#store = store
    this.#overlapMs = overlapMs
    this.#logger = logger
    this.#failures = new FailureReport(logger, 'identity keys cannot be renewed', 'ERR_KEY_FILE')
  }

  /**
   * Reads the keys of a store. In an empty store it creates the first one.
   *
   * @throws SecurityError when an existing key cannot be read, or none can be created
   * @throws GatewayError `ERR_KEY_STORE` when the store cannot be read
   */
  static async open(
    store: IdentityKeyStore,
    overlapMs: number,
    logger: Logger,
  ): Promise<IdentityKeys> {
    if ((await store.list()).length === 0) await store.add(1)
    const keys = new IdentityKeys(store, overlapMs, logger)
    await keys.#read()
    if (keys.#held.length === 0) {
      throw new SecurityError('ERR_KEY_FILE', 'The identity key was removed.')
    }
    return keys
  }

  /** The keys that sign, oldest first. */
  get signing(): readonly IdentityKey[] {
    return this.#held
      .filter((_key, at) => !this.#isOver(this.#held[at + 1]))
      .slice(-MAX_SIGNING)
      .map(({ key }) => key)
  }

  /** Fingerprint of the newest key, as `sha256/...`. */
  get fingerprint(): string {
    return this.#held.at(-1)?.key.fingerprint ?? ''
  }

  /** Discovers new keys and removes old ones. Never rejects: a failure is logged, and the keys in use stay. */
  async refresh(log?: FastifyBaseLogger): Promise<void> {
    try {
      await this.#read()
      await this.#removeOld()
      this.#failures.clear()
    } catch (error) {
      this.#failures.report(error, `the identity key stays ${this.fingerprint}`, log)
    }
  }

  async #read(): Promise<void> {
    const known = new Map(this.#held.map((key) => [key.number, key]))
    const held: HeldKey[] = []
    // All or none: a broken key leaves the keys in use as they are.
    for (const stored of await this.#store.list()) {
      const key = known.get(stored.number)?.key ?? (await this.#store.load(stored.number))
      held.push({ ...stored, key })
    }
    // A store that has lost its keys says nothing about those in use.
    if (held.length === 0) return
    const news = held.filter(({ number }) => !known.has(number))
    this.#held = held
    if (known.size > 0 && news.length > 0) {
      this.#logger.info(`identity key ${this.fingerprint}; the previous key still signs`)
    }
  }

  async #removeOld(): Promise<void> {
    for (const [at, { number }] of this.#held.entries()) {
      if (this.#isOver(this.#held[at + 1])) await this.#store.remove(number)
    }
  }

  /** Checks for the end of the overlap that began with a successor. */
  #isOver(successor: StoredKey | undefined): boolean {
    return successor !== undefined && Date.now() - successor.createdAtMs >= this.#overlapMs
  }
}
