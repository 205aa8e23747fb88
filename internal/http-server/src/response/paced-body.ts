import { Readable } from 'node:stream'

/**
 * Body of a response whose parts are created while it is sent, with pauses of any length. The time for the
 * caller to read it begins with {@link PacedBody.complete}.
 */
export class PacedBody extends Readable {
  readonly #listeners: (() => void)[] = []
  #isComplete = false

  // Parts are pushed when they exist.
  override _read(): void {
    return
  }

  /** Ends the body behind the parts that were pushed. */
  complete(): void {
    this.#isComplete = true
    this.push(null)
    for (const listener of this.#listeners.splice(0)) listener()
  }

  /** Calls the listener once the last part was pushed. */
  onComplete(listener: () => void): void {
    if (this.#isComplete) listener()
    else this.#listeners.push(listener)
  }
}
