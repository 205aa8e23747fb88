/** Length from which on a beginning identifies a word. */
const MIN_BEGINNING = 3

/** Finds the known word that was probably meant. */
export function suggestion(given: string, known: readonly string[]): string | undefined {
  const begun = known.filter((word) => given.length >= MIN_BEGINNING && word.startsWith(given))
  if (begun.length === 1) return begun[0]
  const [nearest] = known
    .map((word) => ({ word, distance: editDistance(given, word) }))
    .sort((a, b) => a.distance - b.distance)
  if (nearest === undefined) return undefined
  return nearest.distance <= Math.max(1, Math.floor(nearest.word.length / 3))
    ? nearest.word
    : undefined
}

/** Counts insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)]
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwap ? at(i - 2, j - 2) + 1 : Infinity
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced, swapped))
    }
  }
  return at(a.length, b.length)
}
