import type { Bytes } from './bytes.js'
import { RSA_ENCRYPTION, TAG, malformed, type DerReader } from './der.js'

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

/** Writes the AlgorithmIdentifier of RSA keys. */
export const rsaAlgorithm = (): Bytes => derValue(TAG.sequence, derOid(RSA_ENCRYPTION), derNull())

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length]
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return [0x80 + bytes.length, ...bytes]
}

function fromHex(hex: string): Bytes {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

/** Reads the next INTEGER as a number; numbers above 2^31 - 1 are refused. */
export function smallInteger(reader: DerReader): number {
  const content = reader.unsignedInteger()
  const value = content.length > 4 ? Infinity : content.reduce((sum, byte) => sum * 256 + byte, 0)
  if (value > 0x7fffffff) throw malformed()
  return value
}
