import { derUnsignedInteger } from './der.js'
import type { Bytes } from './types.js'

/** A non-negative INTEGER from a number below 2^31. */
export function derSmallInteger(value: number): Bytes {
  const bytes = Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
  const firstUsed = bytes.findIndex((byte) => byte !== 0)
  return derUnsignedInteger(firstUsed === -1 ? Uint8Array.of(0) : bytes.subarray(firstUsed))
}
