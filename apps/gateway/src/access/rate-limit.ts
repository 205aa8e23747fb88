/** How many requests a caller may make. */
export interface RateLimit {
  /** In a second. */
  readonly perSecond: number
  /** In one second out of ten seconds; at least {@link RateLimit.perSecond}. */
  readonly burst: number
}

const MOST_PER_SECOND = 10_000

/** Reads `2/s`, and a burst if one is given: twice as many by default. Undefined where it is neither. */
export function parseRateLimit(rate: string, burst?: string): RateLimit | undefined {
  const perSecond = Number(/^(\d{1,5})\/s$/.exec(rate)?.[1])
  const limit = { perSecond, burst: burst === undefined ? 2 * perSecond : digits(burst) }
  return isRateLimit(limit) ? limit : undefined
}

/** Whether the numbers are within reason. */
export function isRateLimit(limit: { perSecond: unknown; burst: unknown }): limit is RateLimit {
  const { perSecond, burst } = limit
  return (
    isWhole(perSecond) &&
    isWhole(burst) &&
    perSecond >= 1 &&
    perSecond <= MOST_PER_SECOND &&
    burst >= perSecond &&
    burst <= 10 * MOST_PER_SECOND
  )
}

const isWhole = (value: unknown): value is number => Number.isInteger(value)

const digits = (text: string): number => (/^\d{1,6}$/.test(text) ? Number(text) : Number.NaN)
