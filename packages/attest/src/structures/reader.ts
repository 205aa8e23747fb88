import { TpmParseError } from '../attest-error.js'
import type { Bytes } from '../bytes/bytes.js'

/**
 * Reader of binary structures, from front to back: big-endian, as TPM structures are, unless
 * `littleEndian`. Every read is bounded by the available bytes and by the limit of the structure; a
 * violation is a {@link TpmParseError} that names the field.
 */
export class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #littleEndian: boolean
  #offset = 0

  constructor(bytes: Uint8Array, littleEndian = false) {
    requireStructure(bytes)
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#littleEndian = littleEndian
  }

  get offset(): number {
    return this.#offset
  }

  get done(): boolean {
    return this.#offset === this.#bytes.length
  }

  u8(field: string): number {
    return this.#view.getUint8(this.#advance(1, field))
  }

  u16(field: string): number {
    return this.#view.getUint16(this.#advance(2, field), this.#littleEndian)
  }

  u32(field: string): number {
    return this.#view.getUint32(this.#advance(4, field), this.#littleEndian)
  }

  u64(field: string): bigint {
    return this.#view.getBigUint64(this.#advance(8, field), this.#littleEndian)
  }

  /** Reads `length` bytes, copied: a structure must not change when its buffer does. */
  take(length: number, field: string): Bytes {
    const start = this.#advance(length, field)
    return new Uint8Array(this.#bytes.subarray(start, start + length))
  }

  /** Reads a TPM2B: u16 size, then that many bytes, at most `limit`. */
  sized(limit: number, field: string): Bytes {
    const size = this.u16(field)
    if (size > limit) this.fail(field, `is ${size} bytes long, the limit is ${limit}`)
    return this.take(size, field)
  }

  /** Refuses bytes left over. */
  end(field: string): void {
    if (!this.done) {
      this.fail(field, `is followed by ${this.#bytes.length - this.#offset} bytes too many`)
    }
  }

  fail(field: string, why: string): never {
    throw new TpmParseError(field, this.#offset, why)
  }

  #advance(length: number, field: string): number {
    const start = this.#offset
    const left = this.#bytes.length - start
    if (left < length) this.fail(field, `is cut off: it has ${left} bytes of ${length}`)
    this.#offset = start + length
    return start
  }
}

/** Runs a parser and returns its {@link TpmParseError} instead of throwing it. */
export function tryParse<T>(parse: () => T): T | TpmParseError {
  try {
    return parse()
  } catch (error) {
    if (error instanceof TpmParseError) return error
    throw error
  }
}

/** Refuses everything but bytes. @throws TpmParseError `ERR_STRUCTURE_INVALID` */
export function requireStructure(bytes: unknown): void {
  if (!(bytes instanceof Uint8Array)) throw new TpmParseError('input', 0, 'is not a Uint8Array')
}
