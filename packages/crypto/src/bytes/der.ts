import { SecurityError } from '../errors.js'
import type { Bytes } from './bytes.js'

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

  /** Reads the next INTEGER as a number; numbers above 2^31 - 1 are refused. */
  smallInteger(): number {
    const content = this.unsignedInteger()
    if (content.length > 4) throw malformed()
    const value = content.reduce((sum, byte) => sum * 256 + byte, 0)
    if (value > 0x7fffffff) throw malformed()
    return value
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

/** Writes one DER value with its contents in order. */
export function derValue(tag: number, ...contents: readonly Uint8Array[]): Bytes {
  const length = contents.reduce((sum, content) => sum + content.length, 0)
  const header = [tag, ...lengthBytes(length)]
  const value = new Uint8Array(header.length + length)
  value.set(header)
  let offset = header.length
  for (const content of contents) {
    value.set(content, offset)
    offset += content.length
  }
  return value
}

/** Writes a non-negative INTEGER from unsigned big-endian bytes without leading zeros. */
export function derUnsignedInteger(bytes: Uint8Array): Bytes {
  const needsZero = (bytes[0] ?? 0x80) >= 0x80
  return derValue(TAG.integer, new Uint8Array(needsZero ? 1 : 0), bytes)
}

/** Writes an OBJECT IDENTIFIER from the hex of its content. */
export function derOid(hex: string): Bytes {
  return derValue(TAG.oid, fromHex(hex))
}

/** Writes a NULL. */
export const derNull = (): Bytes => derValue(TAG.null)

/** 1.2.840.113549.1.1.1 (RFC 8017) as the hex of its DER content. */
export const RSA_ENCRYPTION = '2a864886f70d010101'

/** Writes the AlgorithmIdentifier of RSA keys. */
export const rsaAlgorithm = (): Bytes => derValue(TAG.sequence, derOid(RSA_ENCRYPTION), derNull())

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length]
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return [0x80 + bytes.length, ...bytes]
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function fromHex(hex: string): Bytes {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

function malformed(): SecurityError {
  return new SecurityError('ERR_KEY_INVALID', 'The key is not well-formed DER.')
}
