import type { WaitBudget } from '../../redis/wait-budget.js'
import { QUOTA_UNITS, windowOf, type QuotaUnit, type QuotaWindow, type Quotas } from './quota.js'

/** One quota of a caller in the present window. */
export interface QuotaUse {
  /** Name of the API key. */
  readonly key: string
  readonly unit: QuotaUnit
  readonly limit: number
  readonly window: QuotaWindow
}

/** Counts what callers use in each window. */
export interface QuotaCounter {
  /**
   * Admits a request unless a quota is exhausted, and then counts it in all quotas of requests; at once
   * for all of them, so that concurrent requests cannot pass together.
   *
   * @param wait - what remains of the time that the request waits for a shared store
   * @returns the amounts used before this request, in the order of the quotas
   * @throws unless the counts can be read and changed
   */
  admit(uses: readonly QuotaUse[], wait?: WaitBudget): Promise<readonly number[]>
  /**
   * Counts an amount. Never rejects: an amount that cannot be shared yet is kept.
   *
   * @returns the amount used with it, as far as this gateway knows
   */
  add(use: QuotaUse, amount: number): Promise<number>
}

/** Lists the quotas of a key, its own before the general ones, in their present windows. */
export const quotaUses = (
  key: string,
  { own, general }: { readonly own?: Quotas | undefined; readonly general?: Quotas },
  nowMs: number,
): readonly QuotaUse[] =>
  QUOTA_UNITS.flatMap((unit) => {
    const quota = own?.[unit] ?? general?.[unit] ?? 'off'
    if (quota === 'off') return []
    return [{ key, unit, limit: quota.limit, window: windowOf(quota.per, nowMs) }]
  })

/** Checks that no quota is exhausted. */
export const isAdmitted = (uses: readonly QuotaUse[], used: readonly number[]): boolean =>
  uses.every(({ limit }, at) => (used[at] ?? 0) < limit)

/** Returns the amount that an admitted request counts at once. */
export const increment = ({ unit }: QuotaUse): number => (unit === 'requests' ? 1 : 0)

/** Counts in this process. Holds the present and, around its end, the latest window of each kind only. */
export class LocalQuotaCounter implements QuotaCounter {
  readonly #counts = new Map<
    string,
    { readonly startMs: number; readonly used: Map<string, number> }
  >()

  admit(uses: readonly QuotaUse[]): Promise<readonly number[]> {
    const used = uses.map((use) => this.used(use))
    if (isAdmitted(uses, used)) {
      uses.forEach((use, at) => {
        this.#set(use, (used[at] ?? 0) + increment(use))
      })
    }
    return Promise.resolve(used)
  }

  add(use: QuotaUse, amount: number): Promise<number> {
    const used = this.used(use) + amount
    this.#set(use, used)
    return Promise.resolve(used)
  }

  /** Returns the counted amount. */
  used(use: QuotaUse): number {
    return this.#usedOf(use).get(use.key) ?? 0
  }

  /** Raises the counted amount to what other gateways have counted. */
  raise(use: QuotaUse, used: number): void {
    if (used > this.used(use)) this.#set(use, used)
  }

  #set(use: QuotaUse, used: number): void {
    this.#usedOf(use).set(use.key, used)
  }

  #usedOf({ unit, window: { name, startMs } }: QuotaUse): Map<string, number> {
    // Windows of a day and of a month differ in the length of their names.
    const kind = `${unit} ${name.length}`
    const known = this.#counts.get(kind)
    // A clock that is set back continues the latest window: its counts are not forgotten.
    if (known !== undefined && known.startMs >= startMs) return known.used
    const used = new Map<string, number>()
    this.#counts.set(kind, { startMs, used })
    return used
  }
}
