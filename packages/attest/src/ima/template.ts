import { concat, type Bytes } from '../bytes/bytes.js'
import { fromHex } from '../bytes/hex.js'
import type { ImaEntry } from './parse.js'

/**
 * Encodes an entry as the kernel hashed it: each field of its template after its length, little-endian
 * (`ima_calc_field_array_hash` of Linux). `d-ng` is the algorithm, a colon, a zero byte and the digest;
 * `n-ng` the path and a zero byte; `sig` the signature, or nothing.
 */
export function templateData(
  entry: Pick<ImaEntry, 'template' | 'algorithm' | 'digest' | 'path' | 'signature'>,
): Bytes {
  const text = new TextEncoder()
  const fields = [
    concat(text.encode(`${entry.algorithm}:\0`), bytesOf(entry.digest)),
    text.encode(`${entry.path}\0`),
    ...(entry.template === 'ima-sig' ? [bytesOf(entry.signature)] : []),
  ]
  return concat(...fields.flatMap((field) => [u32(field.length), field]))
}

function bytesOf(hex: string): Bytes {
  return fromHex(hex) ?? new Uint8Array()
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8, value >> 16, value >> 24)
}
