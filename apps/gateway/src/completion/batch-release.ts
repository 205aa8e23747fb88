/** How many go on together. */
const SIZE = 8
/** The longest that the first waits for the last. */
const LONGEST_MS = 20

/**
 * Has those go on together who come one by one. Between two requests the threads that open them take
 * the processor's caches from the event loop: what follows the opening takes half as long again where
 * each is served alone. Worth a wait only for those who waited longer before.
 */
export class Convoy {
  #waiting: (() => void)[] = []
  #timer: NodeJS.Timeout | undefined

  /** Resolves when enough have come, or the first has waited long enough. */
  join(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length >= SIZE) this.leave()
      else
        this.#timer ??= setTimeout(() => {
          this.leave()
        }, LONGEST_MS)
    })
  }

  /** Lets everybody go who has come so far. */
  leave(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const go of this.#waiting.splice(0)) go()
  }
}
