/** Enough for those who show progress, few enough not to matter. */
const MOST_PIECES = 8
/** In UTF-16 units: shorter texts come in fewer pieces. */
const LEAST_LENGTH = 32

/**
 * Cuts a text into a few pieces, none of which ends within a surrogate pair: half a character would
 * not survive being written as UTF-8.
 */
export function* textPieces(text: string): Generator<string> {
  const length = Math.max(LEAST_LENGTH, Math.ceil(text.length / MOST_PIECES))
  for (let start = 0; start < text.length;) {
    let end = start + length
    // A code point beyond 16 bits here means: its second half is still to come.
    if ((text.codePointAt(end - 1) ?? 0) > 0xffff) end += 1
    yield text.slice(start, end)
    start = end
  }
}
