/** Cells of a row. */
export type Row = readonly (string | number)[]

/** Formats rows as columns: the first left-aligned, all others right-aligned; numbers are {@link short}. */
export function table(rows: readonly Row[]): string {
  const texts = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? short(cell) : cell)),
  )
  const width = (column: number): number =>
    Math.max(...texts.map((row) => row[column]?.length ?? 0))
  return texts
    .map((row) =>
      row
        .map((text, column) =>
          column === 0 ? text.padEnd(width(0)) : text.padStart(width(column)),
        )
        .join('   ')
        .trimEnd(),
    )
    .join('\n')
}

/** Formats a number with three digits, or all digits before the point. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '?'
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toFixed(digits)
}
