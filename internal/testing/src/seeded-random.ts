/** Numbers that only look random: the same ones for the same seed. */
export interface Random {
  /** From 0 up to, and without, `end`. */
  below(end: number): number
  of<T>(items: readonly T[]): T
  shuffle(items: unknown[]): void
}

/** Mulberry32: small and fast, and good enough to choose inputs. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (end: number): number => Math.floor(next() * end)
  return {
    below,
    of: (items) => items[below(items.length)]!,
    shuffle: (items) => {
      for (let last = items.length - 1; last > 0; last--) {
        const other = below(last + 1)
        ;[items[last], items[other]] = [items[other], items[last]]
      }
    },
  }
}
