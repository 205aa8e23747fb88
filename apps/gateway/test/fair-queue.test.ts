import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FairQueue } from '../src/completion/load/fair-queue.js'

/** A queue whose work ends when the test says so. */
function testQueue(concurrency: number, maxWaiting: number) {
  const queue = new FairQueue({
    concurrency,
    maxWaiting,
    createError: () => new RangeError('full'),
  })
  const running: { readonly owner: string; readonly end: () => void }[] = []
  const started: string[] = []
  const turnedAway: string[] = []
  let ended = 0
  const add = (owner: string): void => {
    const work = (): Promise<void> =>
      new Promise((end) => {
        started.push(owner)
        running.push({ owner, end })
      })
    queue.run(owner, work).then(
      () => ended++,
      (error: unknown) => {
        expect(error).toBeInstanceOf(RangeError)
        turnedAway.push(owner)
      },
    )
  }
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
  }
  const endOne = async (): Promise<void> => {
    running.shift()?.end()
    await settle()
  }
  return { queue, add, endOne, settle, running, started, turnedAway, ended: () => ended }
}

describe('a fair queue', () => {
  it('gives each caller a turn, regardless of the order of arrival', async () => {
    const { add, endOne, started } = testQueue(1, 10)
    for (const owner of ['a', 'a', 'a', 'a', 'b', 'c', 'b']) add(owner)
    for (let left = 0; left < 7; left++) await endOne()
    expect(started.join('')).toBe('aabcaba')
  })

  it('does no more at a time than it may', async () => {
    const { add, endOne, running, settle } = testQueue(2, 10)
    for (const owner of ['a', 'b', 'c', 'd', 'e']) add(owner)
    await settle()
    expect(running).toHaveLength(2)
    await endOne()
    expect(running).toHaveLength(2)
  })

  it('turns away who has most waiting, and makes room for who has less', async () => {
    const { add, queue, settle, turnedAway } = testQueue(1, 3)
    for (const owner of ['a', 'a', 'a', 'a']) add(owner)
    expect([queue.isFullFor('a'), queue.isFullFor('b')]).toEqual([true, false])
    add('a')
    await settle()
    expect(turnedAway).toEqual(['a'])
    add('b')
    await settle()
    expect(turnedAway).toEqual(['a', 'a'])
    expect(queue.waiting).toBe(3)
    // Two of a and one of b: another of b would only change places.
    expect([queue.isFullFor('b'), queue.isFullFor('c')]).toEqual([true, false])
  })

  it('goes on after work that fails', async () => {
    const { queue, add, started, settle } = testQueue(1, 2)
    const failing = queue.run('a', () => Promise.reject(new Error('of the work')))
    add('b')
    await expect(failing).rejects.toThrow('of the work')
    await settle()
    expect(started).toEqual(['b'])
  })

  it('with no room to wait does what it can at once', async () => {
    const { add, endOne, settle, turnedAway, started } = testQueue(1, 0)
    add('a')
    add('b')
    await settle()
    expect(turnedAway).toEqual(['b'])
    await endOne()
    add('b')
    await settle()
    expect(started).toEqual(['a', 'b'])
  })

  it('loses nothing, doubles nothing and keeps its limits, for random arrivals', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 4 }),
        fc.array(fc.constantFrom('a', 'b', 'c', 'end'), { maxLength: 60 }),
        async (concurrency, maxWaiting, steps) => {
          const test = testQueue(concurrency, maxWaiting)
          for (const step of steps) {
            if (step === 'end') await test.endOne()
            else test.add(step)
            await test.settle()
            expect(test.running.length).toBeLessThanOrEqual(concurrency)
            expect(test.queue.waiting).toBeLessThanOrEqual(maxWaiting)
          }
          while (test.running.length > 0) await test.endOne()
          const added = steps.filter((step) => step !== 'end').length
          expect(test.ended() + test.turnedAway.length).toBe(added)
          expect(test.queue.waiting).toBe(0)
        },
      ),
    )
  })
})
