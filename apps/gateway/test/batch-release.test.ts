import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { LoadShedder } from '../src/completion/load-shedder.js'
import { BatchRelease } from '../src/completion/batch-release.js'
import { Metrics } from '../src/observability/metrics.js'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

/** Joins so many, and tells how many have released on by now. */
function joinBatch(batch: BatchRelease, count: number): { released: () => Promise<number> } {
  let released = 0
  for (let one = 0; one < count; one++) void batch.wait().then(() => released++)
  return {
    released: async () => {
      await vi.advanceTimersByTimeAsync(0)
      return released
    },
  }
}

it('releases eight together, and the next ones with those after them', async () => {
  const batch = new BatchRelease()
  const seven = joinBatch(batch, 7)
  expect(await seven.released()).toBe(0)
  const more = joinBatch(batch, 2)
  expect([await seven.released(), await more.released()]).toEqual([7, 1])
  expect(await joinBatch(batch, 7).released()).toBe(7)
  expect(await more.released()).toBe(2)
})

it('holds no request longer than 20 ms, in each batch', async () => {
  const batch = new BatchRelease()
  for (let turn = 0; turn < 2; turn++) {
    const some = joinBatch(batch, 3)
    await vi.advanceTimersByTimeAsync(19)
    expect(await some.released()).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(await some.released()).toBe(3)
  }
  expect(vi.getTimerCount()).toBe(0)
})

it('releases the waiting requests when flushed, and keeps no timer then', async () => {
  const batch = new BatchRelease()
  const some = joinBatch(batch, 3)
  batch.flush()
  expect(await some.released()).toBe(3)
  expect(vi.getTimerCount()).toBe(0)
})

it('is formed only while many wait to be decrypted, and none is left at the end', async () => {
  const loadShedder = new LoadShedder({ maxOpens: 1, maxQueue: 64 }, new Metrics())
  const { signal } = new AbortController()
  const continued: number[] = []
  const begun: (() => void)[] = []
  const work = (): Promise<void> => new Promise((resolve) => begun.push(resolve))
  for (let one = 0; one < 24; one++) {
    void loadShedder.decrypt('a caller', work, signal).then(() => continued.push(one))
  }
  const openNext = async (): Promise<number> => {
    await vi.advanceTimersByTimeAsync(0)
    begun.pop()?.()
    await vi.advanceTimersByTimeAsync(0)
    return continued.length
  }
  const counts: number[] = []
  for (let one = 0; one < 24; one++) counts.push(await openNext())
  // 22, 21, … 16 wait behind the first of them; then each continues at once.
  expect(counts).toEqual([...Array<number>(7).fill(0), 8, ...counts.slice(8)])
  expect(counts.slice(8)).toEqual(Array.from({ length: 16 }, (_, index) => index + 9))
  expect(new Set(continued)).toEqual(new Set(Array.from({ length: 24 }, (_, index) => index)))
  expect(vi.getTimerCount()).toBe(0)
})
