import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { LoadShedder } from '../src/completion/load-shedder.js'
import { BatchRelease } from '../src/completion/batch-release.js'
import { Metrics } from '../src/observability/metrics.js'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

/** Joins so many, and tells how many have gone on by now. */
function joined(convoy: BatchRelease, count: number): { gone: () => Promise<number> } {
  let gone = 0
  for (let one = 0; one < count; one++) void convoy.wait().then(() => gone++)
  return {
    gone: async () => {
      await vi.advanceTimersByTimeAsync(0)
      return gone
    },
  }
}

it('lets eight go on together, and the next ones with those after them', async () => {
  const convoy = new BatchRelease()
  const seven = joined(convoy, 7)
  expect(await seven.gone()).toBe(0)
  const more = joined(convoy, 2)
  expect([await seven.gone(), await more.gone()]).toEqual([7, 1])
  expect(await joined(convoy, 7).gone()).toBe(7)
  expect(await more.gone()).toBe(2)
})

it('holds no request longer than 20 ms, in each batch', async () => {
  const convoy = new BatchRelease()
  for (let turn = 0; turn < 2; turn++) {
    const some = joined(convoy, 3)
    await vi.advanceTimersByTimeAsync(19)
    expect(await some.gone()).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(await some.gone()).toBe(3)
  }
  expect(vi.getTimerCount()).toBe(0)
})

it('releases the waiting requests when flushed, and keeps no timer then', async () => {
  const convoy = new BatchRelease()
  const some = joined(convoy, 3)
  convoy.flush()
  expect(await some.gone()).toBe(3)
  expect(vi.getTimerCount()).toBe(0)
})

it('is formed only while many wait to be decrypted, and none is left at the end', async () => {
  const loadShedder = new LoadShedder({ maxOpens: 1, maxQueue: 64 }, new Metrics())
  const { signal } = new AbortController()
  const goneOn: number[] = []
  const begun: (() => void)[] = []
  const work = (): Promise<void> => new Promise((resolve) => begun.push(resolve))
  for (let one = 0; one < 24; one++) {
    void loadShedder.decrypt('a caller', work, signal).then(() => goneOn.push(one))
  }
  const openNext = async (): Promise<number> => {
    await vi.advanceTimersByTimeAsync(0)
    begun.pop()?.()
    await vi.advanceTimersByTimeAsync(0)
    return goneOn.length
  }
  const counts: number[] = []
  for (let one = 0; one < 24; one++) counts.push(await openNext())
  // 22, 21, … 16 wait behind the first of them; then each goes on at once.
  expect(counts).toEqual([...Array<number>(7).fill(0), 8, ...counts.slice(8)])
  expect(counts.slice(8)).toEqual(Array.from({ length: 16 }, (_, index) => index + 9))
  expect(new Set(goneOn)).toEqual(new Set(Array.from({ length: 24 }, (_, index) => index)))
  expect(vi.getTimerCount()).toBe(0)
})
