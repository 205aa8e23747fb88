import { SecurityError } from '../errors.js'

/** The ASN.1 tags that occur in keys. */
export const TAG = {
  integer: 0x02,
  octetString: 0x04,
  bitString: 0x03,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
} as const

/**
 * A strict DER (X.690) reader: definite, minimal lengths, nothing past the end, no trailing bytes.
 * The bytes are attacker-controlled; every deviation is `ERR_KEY_INVALID`.
 */
export class DerReader {
  readonly #bytes: Uint8Array
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** True when everything has been read. */
  get atEnd(): boolean {
    return this.#position === this.#bytes.length
  }

  /** Returns whether the next value has this tag. */
  nextIs(tag: number): boolean {
    return this.#bytes[this.#position] === tag
  }

  /** Reads the content of the next value, which must have this tag. A view, not a copy. */
  read(tag: number): Uint8Array {
    if (this.#byte() !== tag) throw malformed()
    const length = this.#length()
    const start = this.#position
    if (length > this.#bytes.length - start) throw malformed()
    this.#position = start + length
    return this.#bytes.subarray(start, this.#position)
  }

  /** Enters the next value, which must be a SEQUENCE. */
  sequence(): DerReader {
    return new DerReader(this.read(TAG.sequence))
  }

  /** Reads the next INTEGER as unsigned big-endian bytes without leading zeros; negative ones are refused. */
  unsignedInteger(): Uint8Array {
    const content = this.read(TAG.integer)
    const [first, second] = content
    if (first === undefined || first >= 0x80) throw malformed()
    if (first !== 0 || second === undefined) return content
    if (second < 0x80) throw malformed()
    return content.subarray(1)
  }

  /** Reads the next OBJECT IDENTIFIER as the hex of its content. */
  oid(): string {
    return toHex(this.read(TAG.oid))
  }

  /** Reads a NULL. */
  null(): void {
    if (this.read(TAG.null).length !== 0) throw malformed()
  }

  /** Reads the next BIT STRING, which must be a whole number of bytes. */
  bitString(): Uint8Array {
    const content = this.read(TAG.bitString)
    if (content[0] !== 0) throw malformed()
    return content.subarray(1)
  }

  /** Refuses bytes behind the last value. */
  end(): void {
    if (!this.atEnd) throw malformed()
  }

  #byte(): number {
    const byte = this.#bytes[this.#position]
    if (byte === undefined) throw malformed()
    this.#position++
    return byte
  }

  #length(): number {
    const first = this.#byte()
    if (first < 0x80) return first
    const count = first - 0x80
    if (count === 0 || count > 3) throw malformed()
    let length = 0
    for (let index = 0; index < count; index++) length = length * 256 + this.#byte()
    // The shortest form is the only one: long form for 128 and more, and no leading zero byte.
    if (length < 0x80 || length < 256 ** (count - 1)) throw malformed()
    return length
  }
}

/** 1.2.840.113549.1.1.1 (RFC 8017) as the hex of its DER content. */
export const RSA_ENCRYPTION = '2a864886f70d010101'

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The one error of this reader. */
export function malformed(): SecurityError {
  return new SecurityError('ERR_KEY_INVALID', 'The key is not well-formed DER.')
}
