import type { Bytes } from '../bytes/bytes.js'
import type { Settable } from './settable.js'

/** Bytes that arrive in parts: grows as they come, never beyond what its user asks for. */
export interface PartBuffer {
  readonly length: number
  readonly bytes: () => Bytes
  /** Copies from a part until `wanted` bytes are here; returns the offset behind the copied ones. */
  readonly fill: (part: Uint8Array, at: number, wanted: number) => number
  /** Returns the bytes and begins anew. */
  readonly take: () => Bytes
  /** Begins anew in the same memory: the bytes must have been used. */
  readonly reset: () => void
}

const NOTHING: Bytes = new Uint8Array()

/** Its `length` is data: see {@link Settable}. */
export function partBuffer(): PartBuffer {
  let bytes = NOTHING
  const buffer: Settable<PartBuffer> = {
    length: 0,
    bytes: () => bytes.subarray(0, buffer.length),
    fill: (part, at, wanted) => {
      const { length } = buffer
      const end = Math.min(part.length, at + wanted - length)
      const needed = length + end - at
      if (needed > bytes.length) {
        const larger = new Uint8Array(Math.min(wanted, 2 * needed))
        larger.set(bytes.subarray(0, length))
        bytes = larger
      }
      bytes.set(part.subarray(at, end), length)
      buffer.length = needed
      return end
    },
    take: () => {
      const taken = bytes.subarray(0, buffer.length)
      bytes = NOTHING
      buffer.length = 0
      return taken
    },
    reset: () => {
      buffer.length = 0
    },
  }
  return buffer
}
