import type { Random } from '@nomyo-internal/testing'
import { concat } from '../support.js'

/** A chunked message as pieces: what precedes the chunks, then each chunk with its length. */
export interface Pieces {
  readonly head: Uint8Array
  readonly chunks: readonly Uint8Array[]
}

/** Cuts a message that this project wrote. */
export function piecesOf(message: Uint8Array, boundaries: readonly number[]): Pieces {
  const [head = 0] = boundaries
  return {
    head: message.subarray(0, head),
    chunks: boundaries.slice(1).map((end, at) => message.subarray(boundaries[at], end)),
  }
}

/** Changes a message in one of the ways that an attacker on the network path has. */
export function mutate(message: Pieces, other: Pieces, random: Random): Uint8Array {
  const changed = random.below(2) === 0 ? rearranged(message, other, random) : message
  const bytes = concat(changed.head, ...changed.chunks)
  return random.below(4) === 0 ? bytes : mutateBytes(bytes, random)
}

/** Swaps, drops, repeats, exchanges or relabels whole pieces. */
function rearranged({ head, chunks }: Pieces, other: Pieces, random: Random): Pieces {
  const at = random.below(chunks.length)
  const chunk = chunks[at] ?? head
  const without = chunks.filter((_, index) => index !== at)
  const [start, body] = splitLength(chunk)
  const length = body.length
  const replaced = (...parts: Uint8Array[]): Pieces => ({
    head,
    chunks: [...chunks.slice(0, at), ...parts, ...chunks.slice(at + 1)],
  })
  switch (random.below(9)) {
    case 0: {
      const shuffled = [...chunks]
      random.shuffle(shuffled)
      return { head, chunks: shuffled }
    }
    case 1:
      return { head, chunks: without }
    case 2:
      return replaced(chunk, chunk)
    case 3:
      return replaced(random.of(other.chunks))
    case 4:
      return { head: other.head, chunks }
    case 5:
      return { head, chunks: other.chunks }
    // The final chunk as one of the middle, and the other way round.
    case 6:
      return start[0] === 0
        ? replaced(wide(length, random), body)
        : replaced(Uint8Array.of(0), body)
    // The same length, wider: the only change that means the same.
    case 7:
      return replaced(wide(start[0] === 0 ? 0 : length, random), body)
    default:
      return replaced(wide(random.of([0, 1, 16, 17, 2 ** 14, 2 ** 30, length + 1]), random), body)
  }
}

/** Changes some bytes. */
export function mutateBytes(message: Uint8Array, random: Random): Uint8Array {
  const at = random.below(message.length + 1)
  const end = Math.min(message.length, at + random.of([1, 1, 2, 16, 100]))
  const [before, some, after] = [
    message.subarray(0, at),
    message.subarray(at, end),
    message.subarray(end),
  ]
  const any = (): Uint8Array =>
    Uint8Array.from({ length: random.of([1, 1, 2, 17]) }, () =>
      random.of([0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff, random.below(256)]),
    )
  switch (random.below(8)) {
    case 0:
    case 1: {
      const flipped = new Uint8Array(message)
      const bit = random.below(Math.max(1, message.length * 8))
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      return flipped
    }
    case 2:
      return concat(before, any(), after)
    case 3:
      return concat(before, any(), some, after)
    case 4:
      return concat(before, after)
    case 5:
      return before
    case 6:
      return concat(before, some, some, after)
    default:
      return concat(message, any())
  }
}

/** A length in any width that holds it. */
function wide(length: number, random: Random): Uint8Array {
  const width = random.of([1, 2, 4, 8].filter((bytes) => length < 2 ** (8 * bytes - 2)))
  const bytes = new Uint8Array(width)
  let left = length
  for (let at = width - 1; at >= 0; at--) {
    bytes[at] = left % 256
    left = Math.floor(left / 256)
  }
  bytes[0] = (bytes[0] ?? 0) | (Math.log2(width) << 6)
  return bytes
}

/** The length of a chunk, and the rest of it. */
function splitLength(chunk: Uint8Array): [Uint8Array, Uint8Array] {
  const width = 2 ** ((chunk[0] ?? 0) >> 6)
  return [chunk.subarray(0, width), chunk.subarray(width)]
}

/** The message with its lengths written as short as possible; undefined where it has no such form. */
export function withShortLengths(message: Uint8Array, headBytes: number): Uint8Array | undefined {
  const parts = [message.subarray(0, headBytes)]
  for (let at = headBytes; at < message.length;) {
    const [start] = splitLength(message.subarray(at))
    const first = start[0] ?? 0
    const length = start.subarray(1).reduce((sum, byte) => sum * 256 + byte, first & 63)
    at += start.length
    const end = length === 0 ? message.length : at + length
    if (end > message.length) return undefined
    const size = length < 64 ? 1 : length < 2 ** 14 ? 2 : 4
    const short = new Uint8Array(size)
    new DataView(short.buffer).setUint8(0, Math.log2(size) << 6)
    for (let index = size - 1, left = length; index >= 0; index--, left = Math.floor(left / 256)) {
      short[index] = (short[index] ?? 0) | (left % 256)
    }
    parts.push(short, message.subarray(at, end))
    at = end
  }
  return concat(...parts)
}
