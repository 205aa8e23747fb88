/** From so many letters on, a beginning says what was meant. */
const MIN_BEGINNING = 3

/** The known name that was probably meant, or undefined when none is near. */
export function suggestion(given: string, known: readonly string[]): string | undefined {
  const begun = known.filter((name) => given.length >= MIN_BEGINNING && name.startsWith(given))
  if (begun.length === 1) return begun[0]
  const [nearest] = known
    .map((name) => ({ name, distance: editDistance(given, name) }))
    .sort((a, b) => a.distance - b.distance)
  if (nearest === undefined) return undefined
  return nearest.distance <= Math.max(1, Math.floor(nearest.name.length / 3))
    ? nearest.name
    : undefined
}

/** `; did you mean …?`, or nothing. */
export function didYouMean(given: string, known: readonly string[], prefix = ''): string {
  const meant = suggestion(given, known)
  return meant === undefined ? '' : `; did you mean ${prefix}${meant}?`
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
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
