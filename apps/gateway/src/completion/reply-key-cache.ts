import { publicKeyFromHeader, type PublicKey } from '@nomyo/crypto'

/** The label of wire v1.0 says 4096; clients that configured a smaller key are still served. */
const MIN_BITS = 2048
/** Each key takes some kilobytes. */
const DEFAULT_CAPACITY = 1000

/**
 * Cache of the public keys that answers are encrypted to. Clients send the same key with every request
 * until they rotate it, and parsing it costs more than half of the encryption. The header text is the
 * cache key; the least recently used entry is dropped.
 */
export class ReplyKeyCache {
  /** In the order of their last use. */
  readonly #keys = new Map<string, PublicKey>()
  readonly #capacity: number

  constructor(capacity = DEFAULT_CAPACITY) {
    this.#capacity = capacity
  }

  /** @throws SecurityError for a header without an acceptable key; see {@link publicKeyFromHeader} */
  async read(header: string): Promise<PublicKey> {
    const key = this.#keys.get(header) ?? (await publicKeyFromHeader(header, { minBits: MIN_BITS }))
    this.#keys.delete(header)
    this.#keys.set(header, key)
    if (this.#keys.size > this.#capacity) {
      const [oldest] = this.#keys.keys()
      this.#keys.delete(oldest ?? '')
    }
    return key
  }
}
