import { SecurityError } from '@nomyo/crypto'

/** Answers remembered; at two requests a second, more than an hour's worth. */
const CAPACITY = 10_000

/** Remembers the answers already received, so that none is taken for the answer to a second request. */
export class ReplyGuard {
  readonly #seen = new Set<string>()

  /**
   * Takes note of an answer.
   *
   * @throws SecurityError `ERR_REPLY_REPLAYED` when it was here before
   */
  accept(replayId: string): void {
    if (this.#seen.has(replayId)) {
      throw new SecurityError(
        'ERR_REPLY_REPLAYED',
        'The answer was already received once, for an earlier request, and was not used.',
      )
    }
    this.#seen.add(replayId)
    // A Set keeps the order of insertion: the first is the oldest.
    const [oldest] = this.#seen
    if (this.#seen.size > CAPACITY && oldest !== undefined) this.#seen.delete(oldest)
  }
}
