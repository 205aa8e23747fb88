/** Returns the milliseconds that work takes. */
export async function timeMs(work: () => unknown): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

/** Returns the median; NaN of no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const half = sorted.length / 2
  const upper = sorted[Math.floor(half)] ?? Number.NaN
  const lower = Number.isInteger(half) ? (sorted[half - 1] ?? Number.NaN) : upper
  return (lower + upper) / 2
}

/** Returns the median of each member of objects with the same members. */
export function medians<Name extends string>(
  values: readonly Readonly<Record<Name, number>>[],
): Record<Name, number> {
  const [first = {} as Record<Name, number>] = values
  return mapValues(first, (_, name) => median(values.map((value) => value[name])))
}

/** Returns a percentile by nearest rank; NaN of no values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** Returns an object with the same members and other values. */
export function mapValues<Name extends string, From, To>(
  object: Readonly<Record<Name, From>>,
  map: (value: From, name: Name) => To,
): Record<Name, To> {
  const entries = Object.entries(object) as [Name, From][]
  return Object.fromEntries(entries.map(([name, value]) => [name, map(value, name)])) as Record<
    Name,
    To
  >
}
