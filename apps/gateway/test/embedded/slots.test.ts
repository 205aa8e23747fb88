import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { ConversationSlots } from '../../src/upstreams/embedded/conversation-slots.js'
import type { Sequence } from '../../src/upstreams/embedded/library.js'
import { streamOf } from '../../src/upstreams/embedded/part-stream.js'

const never = new AbortController().signal

/** Sequences that record when they forget. */
function slotsOf(count: number, options: { maxWaiting?: number; forgetAfterMs?: number } = {}) {
  const forgotten: number[] = []
  const sequences = Array.from({ length: count }, (_, at) => {
    const clearHistory = (): Promise<void> => {
      forgotten.push(at)
      return Promise.resolve()
    }
    return { clearHistory } as unknown as Sequence
  })
  const slots = new ConversationSlots({ sequences, maxWaiting: 8, ...options })
  const at = (sequence: Sequence): number => sequences.indexOf(sequence)
  return {
    slots,
    forgotten,
    use: (owner: string) => slots.run(owner, (one) => Promise.resolve(at(one)), never),
  }
}

describe('slots for conversations', () => {
  it('forget the conversation of another caller, and keep that of the same one', async () => {
    const { use, forgotten } = slotsOf(2)
    expect([await use('a'), await use('b'), await use('a'), await use('b')]).toEqual([0, 1, 0, 1])
    expect(forgotten).toEqual([0, 1])
    expect(await use('c')).toBe(0)
    expect(forgotten).toEqual([0, 1, 0])
  })

  it('forget after a failure', async () => {
    const { slots, use, forgotten } = slotsOf(1)
    await use('a')
    await expect(slots.run('a', () => Promise.reject(new Error('x')), never)).rejects.toThrow()
    await use('a')
    expect(forgotten).toEqual([0, 0])
  })

  it('forget what is not used for a while', async () => {
    vi.useFakeTimers()
    try {
      const { use, forgotten } = slotsOf(1, { forgetAfterMs: 1000 })
      await use('a')
      vi.advanceTimersByTime(999)
      await use('a')
      vi.advanceTimersByTime(999)
      expect(forgotten).toEqual([0])
      vi.advanceTimersByTime(1)
      expect(forgotten).toEqual([0, 0])
    } finally {
      vi.useRealTimers()
    }
  })

  it('have a bounded queue, which a caller may leave', async () => {
    const { slots, use } = slotsOf(1, { maxWaiting: 1 })
    let end = (): void => undefined
    const first = new Promise<void>((resolve) => {
      end = resolve
    })
    const running = slots.run('a', () => first, never)
    const leaving = new AbortController()
    const left = slots.run('a', () => Promise.resolve('ran'), leaving.signal)
    await turn()
    expect([slots.busy, slots.waiting]).toEqual([1, 1])
    await expect(use('a')).rejects.toMatchObject({ statusCode: 503, code: 'upstream_busy' })
    leaving.abort()
    await expect(left).rejects.toMatchObject({ statusCode: 503 })
    expect(slots.waiting).toBe(0)
    const waiting = use('a')
    end()
    await running
    expect(await waiting).toBe(0)
    expect([slots.busy, slots.waiting]).toEqual([0, 0])
  })
})

describe('a stream of parts', () => {
  it('has those of its work, and then its failure', async () => {
    const seen: number[] = []
    const read = async (): Promise<void> => {
      const parts = streamOf<number>(async (onPart) => {
        onPart(1)
        onPart(2)
        await turn()
        onPart(3)
        throw new Error('over')
      })
      for await (const part of parts) seen.push(part)
    }
    await expect(read()).rejects.toThrow('over')
    expect(seen).toEqual([1, 2, 3])
  })
})
