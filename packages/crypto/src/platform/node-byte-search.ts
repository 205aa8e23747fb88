import { Buffer } from 'node:buffer'
import type { ByteSearch } from './platform.js'

/** Words read before a native search takes over: its call costs as much, and the search less per byte. */
const MOST_WORDS = 64

/**
 * Reads four bytes at a time, and continues with a native search where the byte is rare. Native searches alone
 * take a call for every occurrence, of which a text has hundreds of thousands.
 */
export class NodeByteSearch implements ByteSearch {
  readonly #bytes: Uint8Array
  readonly #skew: number
  /** The whole words that hold the bytes, the first from an aligned position on. */
  readonly #words: Int32Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#skew = bytes.byteOffset % 4
    const length = (this.#skew + bytes.length) >> 2
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset - this.#skew, length)
  }

  next(byte: number, from: number): number {
    const bytes = this.#bytes
    const skew = this.#skew
    const words = this.#words
    let at = from
    for (; ((at + skew) & 3) !== 0; at++) if (bytes[at] === byte) return at
    let word = (at + skew) >> 2
    const end = Math.min(word + MOST_WORDS, words.length)
    const four = byte * 0x01010101
    for (; word < end; word++) {
      // A byte of this is zero where the byte is found.
      const rest = (words[word] ?? 0) ^ four
      if (((rest - 0x01010101) & ~rest & 0x80808080) === 0) continue
      for (at = word * 4 - skew; bytes[at] !== byte;) at++
      return at
    }
    return indexOf.call(bytes, byte, word * 4 - skew)
  }
}

/** Searches any bytes without a new `Buffer` view for each search. */
// eslint-disable-next-line @typescript-eslint/unbound-method -- only called on bytes
const indexOf = (Buffer.prototype as Buffer).indexOf as (
  this: Uint8Array,
  byte: number,
  from: number,
) => number
