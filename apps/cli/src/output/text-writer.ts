/**
 * Writes text that comes in parts, so that its end can be cut: white space is held back until more text
 * follows it.
 */
export class TextWriter {
  readonly #write: (text: string) => void
  #held = ''
  #hasWritten = false

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  /** True once a text was written. */
  get hasWritten(): boolean {
    return this.#hasWritten
  }

  add(text: string): void {
    const all = this.#held + text
    // Not a pattern with `$`, whose time would grow with the square of the white space.
    const end = all.trimEnd().length
    this.#held = all.slice(end)
    if (end === 0) return
    this.#write(all.slice(0, end))
    this.#hasWritten = true
  }

  /** Returns the white space at the end, which was not written. */
  end(): string {
    const held = this.#held
    this.#held = ''
    return held
  }
}
