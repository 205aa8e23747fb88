/** The part of the time that painting takes at most. */
const SHARE = 1 / 4
const FRAME_MS = 16

/** Paints the newest of values that arrive faster than they can be shown. */
export class Painter<T> {
  readonly #paint: (value: T) => void
  #waiting: { readonly value: T } | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #tookMs = 0

  constructor(paint: (value: T) => void) {
    this.#paint = paint
  }

  /** Paints a value soon, unless a newer one comes first. */
  show(value: T): void {
    this.#waiting = { value }
    this.#timer ??= setTimeout(
      () => {
        this.flush()
      },
      Math.max(FRAME_MS, this.#tookMs / SHARE),
    )
  }

  /** Paints the value that is waiting, if any. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting === undefined) return
    const startedAt = performance.now()
    this.#paint(waiting.value)
    this.#tookMs = performance.now() - startedAt
  }
}
