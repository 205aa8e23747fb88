const TICK_MS = 100

/** Shows the seconds since its start, in an element that screen readers do not announce. */
export class Stopwatch {
  readonly #shown: HTMLElement
  #startedAt = 0
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(shown: HTMLElement) {
    this.#shown = shown
  }

  /** Seconds since the start, as text. */
  get elapsed(): string {
    return `${((performance.now() - this.#startedAt) / 1000).toFixed(1)} s`
  }

  start(): void {
    this.stop()
    this.#startedAt = performance.now()
    const tick = (): void => {
      this.#shown.textContent = this.elapsed
    }
    this.#timer = setInterval(tick, TICK_MS)
    tick()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#shown.textContent = ''
  }
}
