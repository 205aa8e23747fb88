/** Calendar period of a quota, in UTC. */
export type QuotaPeriod = 'day' | 'month'

/** Units that a quota counts. */
export const QUOTA_UNITS = ['requests', 'tokens'] as const

/** Unit that a quota counts. */
export type QuotaUnit = (typeof QUOTA_UNITS)[number]

/** Largest amount of one unit in one calendar period. */
export interface Quota {
  readonly limit: number
  readonly per: QuotaPeriod
}

/** Quotas of a caller. A missing unit follows the general quota; `off` removes it. */
export type Quotas = Readonly<Partial<Record<QuotaUnit, Quota | 'off' | undefined>>>

/** Calendar period that contains a time. */
export interface QuotaWindow {
  /** Such as `2026-11-28` or `2026-11`. */
  readonly name: string
  readonly startMs: number
  /** First millisecond of the next period. */
  readonly endMs: number
}

/** Sums of tokens stay exact integers far above this. */
const MAX_LIMIT = 1_000_000_000_000
const MULTIPLIERS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 }

/** Description of the texts that {@link parseQuota} reads, for mistakes. */
export const QUOTA_FORM = 'must be a quota such as 1000/day, 50k/day or 1M/month, or off'

/** Parses `1000/day`, `50k/day`, `1M/month` or `off`; returns undefined for other texts. */
export function parseQuota(text: string): Quota | 'off' | undefined {
  if (text === 'off') return text
  const [, digits, unit = '', per] = /^(\d{1,13})([kMG]?)\/(day|month)$/.exec(text) ?? []
  if (digits === undefined) return undefined
  const quota = { limit: Number(digits) * (MULTIPLIERS[unit] ?? 1), per: per as QuotaPeriod }
  return isQuota(quota) ? quota : undefined
}

/** Checks that the limit of a quota is a whole number within bounds. */
export const isQuota = ({ limit }: Quota): boolean =>
  Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT

/** Returns a quota in the form that {@link parseQuota} reads. */
export const formatQuota = (quota: Quota | 'off'): string =>
  quota === 'off' ? quota : `${quota.limit}/${quota.per}`

/** Returns the period that contains a time. */
export function windowOf(per: QuotaPeriod, nowMs: number): QuotaWindow {
  const now = new Date(nowMs)
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()]
  const [startMs, endMs] =
    per === 'day'
      ? [Date.UTC(year, month, day), Date.UTC(year, month, day + 1)]
      : [Date.UTC(year, month), Date.UTC(year, month + 1)]
  return { name: new Date(startMs).toISOString().slice(0, per === 'day' ? 10 : 7), startMs, endMs }
}
