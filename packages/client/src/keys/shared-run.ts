import { abortable } from '@nomyo/transport'

/**
 * One run of some work for all that wait for it. It is aborted when the last of them gives up. Its result
 * can be waited for again.
 */
export class SharedRun<T> {
  readonly #controller = new AbortController()
  readonly #result: Promise<T>
  #waiting = 0
  #isSettled = false
  #isOver = false

  constructor(work: (signal: AbortSignal) => Promise<T>) {
    this.#result = work(this.#controller.signal)
    this.#result.then(
      () => {
        this.#isSettled = true
      },
      () => {
        this.#isOver = true
      },
    )
  }

  /** True for a run that failed, or took too long for one that waited: the next caller starts another. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Waits for the result until the signal aborts. */
  async wait(signal: AbortSignal): Promise<T> {
    this.#waiting++
    try {
      return await abortable(this.#result, signal)
    } finally {
      if (signal.aborted && !this.#isSettled) this.#isOver = true
      if (--this.#waiting === 0) this.#controller.abort()
    }
  }
}
