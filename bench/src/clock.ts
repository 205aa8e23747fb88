import { median } from './statistics.js'

/** Milliseconds something takes. */
export async function timeMs(work: () => unknown): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
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
