import type { Bytes } from '../bytes/types.js'
import { TpmParseError } from '../errors.js'

/**
 * Reads a big-endian TPM structure from front to back. Every read is bounded by the bytes that are
 * there and by the limit the structure sets; anything else is a {@link TpmParseError} that names the field.
 */
export class Reader {
  readonly #bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get offset(): number {
    return this.#offset
  }

  u8(field: string): number {
    const start = this.#advance(1, field)
    return this.#bytes[start] ?? 0
  }

  u16(field: string): number {
    return this.#unsigned(2, field)
  }

  u32(field: string): number {
    return this.#unsigned(4, field)
  }

  u64(field: string): bigint {
    return (BigInt(this.u32(field)) << 32n) | BigInt(this.u32(field))
  }

  /** `length` bytes, copied: a structure must not change when the buffer it was read from does. */
  take(length: number, field: string): Bytes {
    const start = this.#advance(length, field)
    return new Uint8Array(this.#bytes.subarray(start, start + length))
  }

  /** A TPM2B: u16 size, then that many bytes, at most `limit`. */
  sized(limit: number, field: string): Bytes {
    const size = this.u16(field)
    if (size > limit) this.fail(field, `is ${size} bytes long, the limit is ${limit}`)
    return this.take(size, field)
  }

  /** Nothing may follow what was read. */
  end(field: string): void {
    const left = this.#bytes.length - this.#offset
    if (left > 0) this.fail(field, `is followed by ${left} bytes too many`)
  }

  fail(field: string, why: string): never {
    throw new TpmParseError(field, this.#offset, why)
  }

  #unsigned(length: number, field: string): number {
    const start = this.#advance(length, field)
    let value = 0
    for (let i = 0; i < length; i++) value = value * 256 + (this.#bytes[start + i] ?? 0)
    return value
  }

  #advance(length: number, field: string): number {
    const start = this.#offset
    if (this.#bytes.length - start < length) {
      this.fail(field, `is cut off: ${length} bytes wanted, ${this.#bytes.length - start} there`)
    }
    this.#offset = start + length
    return start
  }
}
