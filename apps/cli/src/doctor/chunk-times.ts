/** Bytes in front of the chunks of an answer (RFC 9458, section 4.4). */
const NONCE_BYTES = 32

/** Notes when the chunks of an encrypted answer are complete: their lengths are in the clear. */
export class ChunkTimes {
  /** Milliseconds since the request, chunk by chunk; the final one has no length, and is not among them. */
  readonly completeMs: number[] = []
  #left = NONCE_BYTES
  #isChunk = false
  #length: number[] = []
  #isOver = false

  /** Takes the next bytes of the answer, which arrived at this time. */
  note(part: Uint8Array, ms: number): void {
    let at = 0
    while (at < part.length && !this.#isOver) {
      if (this.#left === 0) {
        at = this.#readLength(part, at)
        continue
      }
      const taken = Math.min(this.#left, part.length - at)
      at += taken
      this.#left -= taken
      if (this.#left === 0 && this.#isChunk) this.completeMs.push(ms)
    }
  }

  /** Reads a byte of a variable-length integer (RFC 9000, section 16). */
  #readLength(part: Uint8Array, at: number): number {
    const bytes = this.#length
    bytes.push(part[at] ?? 0)
    const [first = 0] = bytes
    if (bytes.length < 1 << (first >> 6)) return at + 1
    this.#left = bytes.slice(1).reduce((value, byte) => value * 256 + byte, first & 0x3f)
    this.#length = []
    this.#isChunk = true
    this.#isOver = this.#left === 0
    return at + 1
  }
}
