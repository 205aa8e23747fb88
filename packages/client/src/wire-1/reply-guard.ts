import { SecurityError } from '@nomyo/crypto'

/** Answers remembered; more than an hour's worth at two requests a second. */
const CAPACITY = 10_000

/** A memory of the answers received, so that none passes for the answer to a second request. */
export class ReplyGuard {
  readonly #seen = new Set<string>()

  /**
   * Records an answer.
   *
   * @throws SecurityError `ERR_REPLY_REPLAYED` for one recorded before
   */
  accept(replayId: string): void {
    if (this.#seen.has(replayId)) {
      throw new SecurityError(
        'ERR_REPLY_REPLAYED',
        'The answer was received before and was not used.',
      )
    }
    this.#seen.add(replayId)
    // A Set keeps the order of insertion: the first is the oldest.
    const [oldest] = this.#seen
    if (this.#seen.size > CAPACITY && oldest !== undefined) this.#seen.delete(oldest)
  }
}
