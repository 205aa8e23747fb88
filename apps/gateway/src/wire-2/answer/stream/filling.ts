/** The shortest comment, with the empty line that ends it. */
const LEAST_BYTES = 3

/** Content of a chunk that is to be filled. */
export interface Unfilled {
  /** Bytes of the chunk before its content. */
  readonly headBytes: number
  /** Bytes of the events. */
  readonly contentBytes: number
  /** Multiple to which the chunk is filled; 0 for no filling. */
  readonly paddingBytes: number
}

/**
 * Creates the comment that fills a chunk of events, so that its size shows less of their length: every
 * parser of events ignores it. Without events it is a sign of life, and never empty.
 */
export function filling({ headBytes, contentBytes, paddingBytes }: Unfilled): Uint8Array {
  const isRequired = contentBytes === 0
  if (paddingBytes === 0) return comment(isRequired ? LEAST_BYTES : 0)
  const firstTotal = Math.ceil((headBytes + 1 + contentBytes) / paddingBytes) * paddingBytes
  for (let total = firstTotal; ; total += paddingBytes) {
    for (const prefixBytes of PREFIX_BYTES) {
      const length = total - headBytes - prefixBytes
      const gap = length - contentBytes
      if (prefixBytes !== prefixBytesOf(length)) continue
      if (gap >= LEAST_BYTES || (gap === 0 && !isRequired)) return comment(gap)
    }
  }
}

/** Bytes that tell the length of content in Binary HTTP, and the lengths from which more are needed. */
const PREFIX_BYTES = [1, 2, 4, 8]
const prefixBytesOf = (length: number): number =>
  length < 64 ? 1 : length < 16_384 ? 2 : length < 2 ** 30 ? 4 : 8

const COLON = 0x3a
const SPACE = 0x20
const LINE_FEED = 0x0a

function comment(length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(SPACE)
  if (length === 0) return bytes
  bytes[0] = COLON
  bytes.fill(LINE_FEED, length - 2)
  return bytes
}
