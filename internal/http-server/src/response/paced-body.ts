import { Readable } from 'node:stream'

/**
 * Body of a response whose parts are created while it is sent, with pauses of any length. The time for the
 * caller to read it begins with {@link PacedBody.complete}.
 */
export class PacedBody extends Readable {
  readonly #listeners: (() => void)[] = []
  readonly #waiting: (() => void)[] = []
  #isComplete = false
  #isFull = false

  // Parts are pushed when they exist.
  override _read(): void {
    this.#makeRoom()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#makeRoom()
    callback(error)
  }

  override push(part: unknown, encoding?: BufferEncoding): boolean {
    this.#isFull = !super.push(part, encoding)
    return !this.#isFull
  }

  /** True while the caller has not read enough of the parts that were pushed. */
  get isFull(): boolean {
    return this.#isFull && !this.destroyed
  }

  /** Resolves once the caller has read enough, or the body is destroyed. */
  room(): Promise<void> {
    if (!this.isFull) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
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

  #makeRoom(): void {
    this.#isFull = false
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
