import { Readable } from 'node:stream'
import { freeBytes } from './free-bytes.js'

/** Size of the parts that are handed on at once. */
const PART_BYTES = 256 * 1024

/**
 * JSON as spans of bytes that exist already and a few new ones: a rewritten object that takes no memory
 * of its own. Iterating copies one part after the other, any number of times.
 */
export class JsonBytes implements Iterable<Uint8Array> {
  readonly byteLength: number
  /** The parts, without a copy. */
  readonly spans: readonly Uint8Array[]
  readonly #source: Uint8Array

  /**
   * @param spans - in their order
   * @param source - what most of them are parts of
   */
  constructor(spans: readonly Uint8Array[], source: Uint8Array) {
    this.spans = spans
    this.#source = source
    this.byteLength = spans.reduce((sum, { length }) => sum + length, 0)
  }

  *[Symbol.iterator](): Generator<Uint8Array> {
    let rest = this.byteLength
    let part = Buffer.allocUnsafeSlow(Math.min(rest, PART_BYTES))
    let filled = 0
    for (const span of this.spans) {
      for (let at = 0; at < span.length;) {
        const piece = span.subarray(at, at + part.length - filled)
        part.set(piece, filled)
        at += piece.length
        filled += piece.length
        if (filled < part.length) continue
        yield part
        rest -= filled
        part = Buffer.allocUnsafeSlow(Math.min(rest, PART_BYTES))
        filled = 0
      }
    }
  }

  /** Copies all of it into one array. */
  copy(): Uint8Array {
    const copy = Buffer.allocUnsafeSlow(this.byteLength)
    let at = 0
    for (const span of this.spans) {
      copy.set(span, at)
      at += span.length
    }
    return copy
  }

  /** Returns the body of an HTTP request: all at once if it is small, else part after part. */
  toBody(): Uint8Array | Readable {
    const [only = new Uint8Array()] = this.byteLength <= PART_BYTES ? this : []
    return this.byteLength <= PART_BYTES ? only : Readable.from(this)
  }

  /** Overwrites and frees the bytes of the object that it was made of. */
  dispose(): void {
    this.#source.fill(0)
    freeBytes(this.#source)
  }
}
