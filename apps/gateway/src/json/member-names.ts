import { nameOf } from './json-object.js'

const BACKSLASH = 0x5c
const FIRST_NON_ASCII = 0x80
/** Letters of both cases differ in this bit. */
const CASE_BIT = 0x20

/**
 * Returns the spelling by which a model server may read the name of a member: those written in Go take `Model`
 * for `model`, and letters that Unicode folds to one of ASCII for that one.
 */
export const folded = (name: string): string => name.toUpperCase().toLowerCase()

/**
 * Compares the names of members as a scanner locates them, in letters of any case, without building texts unless
 * they are escaped.
 */
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
   * @param name - in lower case
   * @param start - offset of the quote before it
   * @param end - offset behind the quote after it
   */
  is(name: string, start: number, end: number): boolean {
    const bytes = this.#bytes
    if (end - start > this.#maxBytes) return false
    let at = start + 1
    for (; at < end - 1; at++) {
      const byte = bytes[at] ?? 0
      if (byte === BACKSLASH || byte >= FIRST_NON_ASCII) return this.#nameOf(start, end) === name
      if ((byte | CASE_BIT) !== (name.charCodeAt(at - start - 1) | CASE_BIT)) return false
    }
    return end - start === name.length + 2
  }

  /** Reads a name with escapes or other letters, once for all that it is compared with. */
  #nameOf(start: number, end: number): string {
    if (this.#nameAt !== start) {
      this.#nameAt = start
      this.#name = folded(nameOf(this.#bytes, start, end))
    }
    return this.#name
  }
}
