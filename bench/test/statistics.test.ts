import { expect, it } from 'vitest'
import { interleave } from '../src/harness/interleave.js'
import { median, medians, percentile } from '../src/harness/statistics.js'

it.each([
  [[3], 3],
  [[9, 1, 5], 5],
  [[4, 1, 3, 2], 2.5],
  [[100, 2, 10], 10],
])('the median of %j is %d', (values, expected) => expect(median(values)).toBe(expected))

it('the median of nothing is no number', () => expect(median([])).toBeNaN())

it('percentiles are values that were measured (nearest rank)', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect(percentile(hundred, 0.95)).toBe(95)
  expect(percentile(hundred, 0.5)).toBe(50)
  expect(percentile([7], 0.95)).toBe(7)
  expect(percentile([], 0.95)).toBeNaN()
})

it('medians are taken member by member', () => {
  expect(
    medians([
      { a: 1, b: 30 },
      { a: 3, b: 10 },
      { a: 2, b: 20 },
    ]),
  ).toEqual({ a: 2, b: 20 })
})

it('rounds run every task once before any runs again', async () => {
  const order: string[] = []
  const task = (name: string) => async () => order.push(name)
  const values = await interleave({ a: task('a'), b: task('b'), c: task('c') }, 5)
  for (let round = 0; round < 5; round++) {
    expect(order.slice(3 * round, 3 * round + 3).sort()).toEqual(['a', 'b', 'c'])
  }
  expect(values.b).toHaveLength(5)
})

it('slow tasks take part in fewer rounds, spread over all', async () => {
  const rounds: number[] = []
  let round = -1
  const tasks = {
    each: async () => ++round,
    slow: async () => rounds.push(round),
    more: async () => undefined,
  }
  const values = await interleave(tasks, 9, { slow: 3, more: 20 })
  expect([values.each.length, values.slow.length, values.more.length]).toEqual([9, 3, 9])
  // In its round, a task runs before or after the one that counts.
  expect(rounds.map((seen, index) => seen - 3 * index)).toSatisfy((offsets: number[]) =>
    offsets.every((offset) => offset === 0 || offset === -1),
  )
})
