import { TpmParseError } from '../attest-error.js'
import type { Bytes } from '../bytes/bytes.js'
import { toHex } from '../bytes/hex.js'

/** ASN.1 tags of certificates. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
  set: 0x31,
} as const

/** Longest DER that is read, in bytes. */
export const MAX_DER = 16_384

/**
 * Strict reader of DER (X.690): definite lengths in their shortest form, one-byte tags, nothing past
 * the end, no bytes left over. It never descends on its own, so deep nesting costs no stack. Every
 * violation is a {@link TpmParseError} with the offset from the start of the document.
 */
export class DerReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  #offset: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#offset = start
    this.#end = end
    if (bytes.length > MAX_DER) this.fail(`is longer than ${MAX_DER} bytes`)
  }

  /** True when everything has been read. */
  get done(): boolean {
    return this.#offset === this.#end
  }

  /** Tests whether the next value has this tag. */
  nextIs(tag: number): boolean {
    return !this.done && this.#bytes[this.#offset] === tag
  }

  /** Enters the next value, which must have this tag. */
  enter(tag: number): DerReader {
    const { start, end } = this.#value(tag)
    return new DerReader(this.#bytes, start, end)
  }

  /** Reads the content of the next value, which must have this tag. */
  content(tag: number): Bytes {
    const { start, end } = this.#value(tag)
    return this.#bytes.slice(start, end)
  }

  /** Reads the next value with its tag and length; any tag where none is required. */
  whole(tag = this.#bytes[this.#offset]): Bytes {
    const from = this.#offset
    return this.#bytes.slice(from, this.#value(tag).end)
  }

  /** Reads the next INTEGER as unsigned big-endian bytes without leading zeros; 0 is empty. */
  unsigned(): Bytes {
    const content = this.content(TAG.integer)
    const [first, second = 0x80] = content
    if (first === undefined || first >= 0x80 || (first === 0 && second < 0x80)) {
      return this.fail('holds an INTEGER that is negative or not in its shortest form')
    }
    return first === 0 ? content.slice(1) : content
  }

  /**
   * Reads a BOOLEAN with the default FALSE, if it is next. DER omits that default, but TPMs of Intel and
   * AMD have certificates that state it: 0x00 is accepted, and no other form of FALSE or TRUE.
   */
  flag(): boolean {
    if (!this.nextIs(TAG.boolean)) return false
    const [value, ...more] = this.content(TAG.boolean)
    if (more.length > 0 || (value !== 0xff && value !== 0)) {
      this.fail('holds a BOOLEAN that is neither 0xff nor 0x00')
    }
    return value === 0xff
  }

  /** Reads the next OBJECT IDENTIFIER as the hex of its content. */
  oid(): string {
    return toHex(this.content(TAG.oid))
  }

  /** Reads the next BIT STRING, which must be whole bytes. */
  bytes(): Bytes {
    const content = this.content(TAG.bitString)
    if (content[0] !== 0) this.fail('holds a BIT STRING that is not whole bytes')
    return content.slice(1)
  }

  /** Refuses bytes left over. */
  close(): void {
    if (!this.done) this.fail('has bytes left over')
  }

  fail(why: string): never {
    throw new TpmParseError('certificate', this.#offset, why)
  }

  #value(tag: number | undefined): { readonly start: number; readonly end: number } {
    // A tag of several bytes has these five bits set; certificates have none.
    if (this.done || tag === undefined || (tag & 0x1f) === 0x1f) this.fail('ends early')
    if (this.#bytes[this.#offset] !== tag) this.fail(`lacks a value with tag ${tag}`)
    this.#offset++
    const length = this.#length()
    const start = this.#offset
    if (length > this.#end - start) this.fail('is cut off')
    this.#offset = start + length
    return { start, end: this.#offset }
  }

  #length(): number {
    const first = this.#byte()
    if (first < 0x80) return first
    const length = first === 0x81 ? this.#byte() : this.#byte() * 256 + this.#byte()
    if (first > 0x82 || first === 0x80 || length < (first === 0x81 ? 0x80 : 0x100)) {
      this.fail('has a length that is indefinite, too large or not in its shortest form')
    }
    return length
  }

  #byte(): number {
    const byte = this.#offset < this.#end ? this.#bytes[this.#offset] : undefined
    if (byte === undefined) return this.fail('is cut off')
    this.#offset++
    return byte
  }
}
