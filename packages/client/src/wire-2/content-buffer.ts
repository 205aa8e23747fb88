const FIRST_BYTES = 16 * 1024

/** Decrypted content, collected in one buffer, of which no copies stay behind. */
export class ContentBuffer {
  #bytes = new Uint8Array(FIRST_BYTES)
  #length = 0

  append(part: Uint8Array): void {
    const needed = this.#length + part.length
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, needed))
      grown.set(this.#bytes.subarray(0, this.#length))
      this.#bytes.fill(0)
      this.#bytes = grown
    }
    this.#bytes.set(part, this.#length)
    this.#length = needed
  }

  /** Returns the content; its caller zeroes it. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length)
  }

  wipe(): void {
    this.#bytes.fill(0)
  }
}
