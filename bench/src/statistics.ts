/** The middle of some numbers, or the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const half = sorted.length / 2
  const upper = sorted[Math.floor(half)] ?? Number.NaN
  const lower = Number.isInteger(half) ? (sorted[half - 1] ?? Number.NaN) : upper
  return (lower + upper) / 2
}

/** Medians of the members of objects alike. */
export function medians<Name extends string>(
  values: readonly Readonly<Record<Name, number>>[],
): Record<Name, number> {
  const names = Object.keys(values[0] ?? {}) as Name[]
  return Object.fromEntries(
    names.map((name) => [name, median(values.map((value) => value[name]))]),
  ) as Record<Name, number>
}

/** The smallest value that at least this share of all does not exceed (nearest rank); NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}
