import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FairBudget, type Reservation } from '../src/completion/load/fair-budget.js'

/** Reserves one after the other until one does not fit; returns how many did. */
function take(budget: FairBudget, owner: string, amount: number): number {
  for (let count = 0; ; count++) {
    if (typeof budget.reserve(owner, amount) === 'string') return count
  }
}

const reserved = (result: Reservation | string): Reservation => {
  if (typeof result === 'string') throw new Error(result)
  return result
}

describe('a fair budget', () => {
  it('gives one owner half, two a third each, and a newcomer what is left', () => {
    expect(take(new FairBudget({ total: 512 }), 'a', 1)).toBe(256)
    const budget = new FairBudget({ total: 300 })
    for (let turn = 0; turn < 300; turn++) {
      budget.reserve('a', 1)
      budget.reserve('b', 1)
    }
    expect(budget.used).toBe(200)
    expect(budget.reserve('c', 101)).toBe('total')
    expect(budget.reserve('c', 100)).toBeTypeOf('object')
  })

  it('leaves a place to every newcomer while any is left', () => {
    const budget = new FairBudget({ total: 4 })
    expect([take(budget, 'a', 1), take(budget, 'b', 1), take(budget, 'c', 1)]).toEqual([2, 1, 1])
    expect(budget.reserve('d', 1)).toBe('total')
  })

  it('serves a single owner even where there is one place', () => {
    expect(take(new FairBudget({ total: 1 }), 'a', 1)).toBe(1)
  })

  it('limits an owner further', () => {
    const budget = new FairBudget({ total: 100, perOwner: 3 })
    expect(take(budget, 'a', 1)).toBe(3)
    expect(budget.reserve('a', 1)).toBe('share')
    expect(budget.reserve('b', 4)).toBe('share')
    expect(budget.reserve('b', 3)).toBeTypeOf('object')
  })

  it('tells whose fault a shortage is', () => {
    const budget = new FairBudget({ total: 10 })
    reserved(budget.reserve('a', 5))
    expect(budget.reserve('a', 1)).toBe('share')
    reserved(budget.reserve('b', 5))
    expect(budget.reserve('c', 1)).toBe('total')
  })

  it('changes what is reserved, within the same limits', () => {
    const budget = new FairBudget({ total: 100 })
    const a = reserved(budget.reserve('a', 10))
    expect(a.resize(50)).toBeUndefined()
    expect(a.resize(51)).toBe('share')
    expect(budget.used).toBe(50)
    reserved(budget.reserve('b', 50))
    expect(a.resize(0)).toBeUndefined()
    expect(a.resize(51)).toBe('total')
    a.release()
    a.release()
    expect(a.resize(10)).toBeUndefined()
    expect(budget.used).toBe(50)
  })

  it('never gives more than there is, and is empty in the end', () => {
    const step = fc.record({
      owner: fc.constantFrom('a', 'b', 'c'),
      amount: fc.nat(60),
      kind: fc.constantFrom('reserve', 'reserve', 'resize', 'release'),
      which: fc.nat(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const budget = new FairBudget({ total: 100, perOwner: 80 })
        const held: Reservation[] = []
        for (const { owner, amount, kind, which } of steps) {
          const reservation = held[which % Math.max(1, held.length)]
          if (kind === 'reserve') {
            const result = budget.reserve(owner, amount)
            if (typeof result !== 'string') held.push(result)
          } else if (kind === 'resize') reservation?.resize(amount)
          else reservation?.release()
          expect(budget.used).toBeGreaterThanOrEqual(0)
          expect(budget.used).toBeLessThanOrEqual(100)
        }
        for (const reservation of held) reservation.release()
        expect(budget.used).toBe(0)
        expect(take(budget, 'a', 1)).toBe(50)
      }),
    )
  })
})
