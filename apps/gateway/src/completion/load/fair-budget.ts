/** Limits of a {@link FairBudget}. */
export interface FairBudgetOptions {
  readonly total: number
  /** Limit of each owner beside the share that follows from the others. Default: none. */
  readonly perOwner?: number | undefined
}

/** Reason why an amount does not fit: all owners together, or this one, hold too much. */
export type Shortage = 'total' | 'share'

/** Part of a {@link FairBudget} that an owner holds. */
export interface Reservation {
  /** Changes the amount. Less is always possible; more only if it fits. */
  resize(amount: number): Shortage | undefined
  /** Gives the amount to another owner and changes it. Where it does not fit, nothing changes. */
  move(owner: string, amount: number): Shortage | undefined
  /** Gives everything back, for good. Can be called repeatedly. */
  release(): void
}

/**
 * Amount that is shared between owners. An owner may hold as much as is left for all others: one owner
 * alone up to a half, two owners a third each. An owner that holds nothing may take what is left.
 */
export class FairBudget {
  #total: number
  #perOwner: number
  /** Contains only owners that hold something. */
  readonly #held = new Map<string, number>()
  #used = 0

  constructor({ total, perOwner = Infinity }: FairBudgetOptions) {
    this.#total = total
    this.#perOwner = perOwner
  }

  /** Replaces the limits for reservations from now on; those that exist stay. */
  setLimits({ total, perOwner = Infinity }: FairBudgetOptions): void {
    this.#total = total
    this.#perOwner = perOwner
  }

  /** Amount that all owners hold. */
  get used(): number {
    return this.#used
  }

  /** Reserves an amount, unless it does not fit. */
  reserve(owner: string, amount: number): Reservation | Shortage {
    const shortage = this.#shortage(owner, amount)
    if (shortage !== undefined) return shortage
    let holder = owner
    let reserved = 0
    let isReleased = false
    const set = (next: number): void => {
      this.#add(holder, next - reserved)
      reserved = next
    }
    set(amount)
    return {
      resize: (next) => {
        if (isReleased) return undefined
        const lack = next > reserved ? this.#shortage(holder, next - reserved) : undefined
        if (lack === undefined) set(next)
        return lack
      },
      move: (nextHolder, next) => {
        if (isReleased) return undefined
        const before = { holder, reserved }
        set(0)
        holder = nextHolder
        const lack = this.#shortage(holder, next)
        if (lack !== undefined) holder = before.holder
        set(lack === undefined ? next : before.reserved)
        return lack
      },
      release: () => {
        isReleased = true
        set(0)
      },
    }
  }

  #shortage(owner: string, amount: number): Shortage | undefined {
    const held = this.#held.get(owner) ?? 0
    const free = this.#total - this.#used
    if (amount > free) return 'total'
    const share = held === 0 ? free : free - amount
    return held + amount > Math.min(share, this.#perOwner) ? 'share' : undefined
  }

  #add(owner: string, amount: number): void {
    this.#used += amount
    const held = (this.#held.get(owner) ?? 0) + amount
    if (held === 0) this.#held.delete(owner)
    else this.#held.set(owner, held)
  }
}
