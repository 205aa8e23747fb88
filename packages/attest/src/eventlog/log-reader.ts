import type { Bytes } from '../bytes/types.js'
import { TpmParseError } from '../errors.js'

/** Reads a log from front to back, little-endian; never past its end. */
export class LogReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get done(): boolean {
    return this.#offset === this.#bytes.length
  }

  u8(field: string): number {
    return this.#view.getUint8(this.#advance(1, field))
  }

  u16(field: string): number {
    return this.#view.getUint16(this.#advance(2, field), true)
  }

  u32(field: string): number {
    return this.#view.getUint32(this.#advance(4, field), true)
  }

  /** `length` bytes, copied. */
  take(length: number, field: string): Bytes {
    const start = this.#advance(length, field)
    return new Uint8Array(this.#bytes.subarray(start, start + length))
  }

  fail(field: string, why: string): never {
    throw new TpmParseError(field, this.#offset, why)
  }

  #advance(length: number, field: string): number {
    const start = this.#offset
    if (this.#bytes.length - start < length) this.fail(field, 'is cut off')
    this.#offset = start + length
    return start
  }
}
