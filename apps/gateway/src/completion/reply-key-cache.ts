import { publicKeyFromHeader, type PublicKey } from '@nomyo/crypto'

/** The label of wire v1.0 says 4096; clients that loaded a smaller key of their own are still served. */
const LEAST_BITS = 2048
/** Of each there are some kilobytes. */
const MOST_KEPT = 1000

/**
 * The keys answers are sealed to. Clients send the same one with every request until they rotate it,
 * and reading it costs more than half of what sealing does: so those used last are kept, by the very
 * text of their header.
 */
export class ReplyKeys {
  /** Used longest ago comes first. */
  readonly #kept = new Map<string, PublicKey>()
  readonly #mostKept: number

  constructor(mostKept = MOST_KEPT) {
    this.#mostKept = mostKept
  }

  /** @throws SecurityError for a header that holds no acceptable key; see {@link publicKeyFromHeader} */
  async read(header: string): Promise<PublicKey> {
    const key =
      this.#kept.get(header) ?? (await publicKeyFromHeader(header, { minBits: LEAST_BITS }))
    this.#kept.delete(header)
    this.#kept.set(header, key)
    if (this.#kept.size > this.#mostKept) {
      const [oldest] = this.#kept.keys()
      this.#kept.delete(oldest ?? '')
    }
    return key
  }
}
