/** Enough to show progress, few enough not to cost time. */
const MOST_PIECES = 8
/** In UTF-16 units: shorter texts come in fewer pieces. */
const LEAST_LENGTH = 32

/**
 * Splits a text into a few pieces, never within a surrogate pair: half a character does not survive
 * UTF-8.
 */
export function* textPieces(text: string): Generator<string> {
  const length = Math.max(LEAST_LENGTH, Math.ceil(text.length / MOST_PIECES))
  for (let start = 0; start < text.length;) {
    let end = start + length
    // A code point beyond 16 bits here has its second half in the next unit.
    if ((text.codePointAt(end - 1) ?? 0) > 0xffff) end += 1
    yield text.slice(start, end)
    start = end
  }
}
