import { nameOf } from './json-object.js'

const BACKSLASH = 0x5c

/** Compares the names of members as a scanner locates them, without building texts unless they are escaped. */
export class MemberNames {
  readonly #bytes: Uint8Array
  readonly #maxBytes: number
  #name = ''
  #nameAt = -1

  /** @param maxBytes - longer names equal none: those that decide anything, with every character escaped */
  constructor(bytes: Uint8Array, maxBytes: number) {
    this.#bytes = bytes
    this.#maxBytes = maxBytes
  }

  /**
   * Checks a name.
   *
   * @param start - offset of the quote before it
   * @param end - offset behind the quote after it
   */
  is(name: string, start: number, end: number): boolean {
    const bytes = this.#bytes
    if (end - start > this.#maxBytes) return false
    let at = start + 1
    while (at < end - 1 && bytes[at] !== BACKSLASH) {
      if (bytes[at] !== name.charCodeAt(at - start - 1)) return false
      at++
    }
    if (at < end - 1) return this.#nameOf(start, end) === name
    return end - start === name.length + 2
  }

  /** Reads an escaped name, once for all that it is compared with. */
  #nameOf(start: number, end: number): string {
    if (this.#nameAt !== start) {
      this.#nameAt = start
      this.#name = nameOf(this.#bytes, start, end)
    }
    return this.#name
  }
}
