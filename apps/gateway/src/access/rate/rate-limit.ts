/** Number of requests that a caller may send. */
export interface RateLimit {
  /** Per second. */
  readonly perSecond: number
  /** In one second out of ten; at least {@link RateLimit.perSecond}. */
  readonly burst: number
}

const MAX_PER_SECOND = 10_000

/** Parses `2/s`; returns undefined for other texts. */
export function parseRate(text: string): number | undefined {
  const perSecond = Number(/^(\d{1,5})\/s$/.exec(text)?.[1])
  return perSecond >= 1 && perSecond <= MAX_PER_SECOND ? perSecond : undefined
}

/** Checks that the numbers of a limit are whole and within bounds. */
export function isRateLimit({ perSecond, burst }: RateLimit): boolean {
  return (
    Number.isInteger(perSecond) &&
    Number.isInteger(burst) &&
    perSecond >= 1 &&
    perSecond <= MAX_PER_SECOND &&
    burst >= perSecond &&
    burst <= 10 * MAX_PER_SECOND
  )
}
