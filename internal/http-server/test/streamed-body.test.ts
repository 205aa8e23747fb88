import { buffer } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { StreamedBody } from '../src/index.js'

/** Source that counts what is taken of it. */
function source(parts: number, size: number) {
  const state = { taken: 0, isEnded: false }
  async function* generate() {
    try {
      for (; state.taken < parts; state.taken++) {
        await setImmediate()
        yield Buffer.alloc(size)
      }
    } finally {
      state.isEnded = true
    }
  }
  return { state, parts: generate() }
}

describe('a streamed body', () => {
  it('passes every part on, and is complete', async () => {
    const { state, parts } = source(100, 1000)
    const body = new StreamedBody(parts, { stallMs: 1000 })
    let isComplete = false
    body.onComplete(() => (isComplete = true))
    let bytes = 0
    for await (const part of body) bytes += (part as Buffer).length
    expect(bytes).toBe(100_000)
    expect(isComplete).toBe(true)
    expect(state.isEnded).toBe(true)
  })

  it('takes no more of its source than its reader takes', async () => {
    const { state, parts } = source(1000, 100_000)
    const body = new StreamedBody(parts, { stallMs: 60_000 })
    onTestFinished(() => void body.destroy())
    body.read(0)
    for (let turn = 0; turn < 50; turn++) await setImmediate()
    expect(state.taken).toBeLessThan(5)
  })

  it('ends its source when it is destroyed', async () => {
    const { state, parts } = source(1000, 1000)
    const body = new StreamedBody(parts, { stallMs: 1000 })
    const reader = body[Symbol.asyncIterator]()
    await reader.next()
    await reader.return?.()
    await expect.poll(() => state.isEnded).toBe(true)
    expect(body.destroyed).toBe(true)
  })

  it('fails where its source does', async () => {
    async function* failing() {
      yield Buffer.alloc(10)
      await setImmediate()
      throw new TypeError('of the source')
    }
    const body = new StreamedBody(failing(), { stallMs: 1000 })
    await expect(buffer(body)).rejects.toBeInstanceOf(TypeError)
  })

  it('is destroyed where its reader takes nothing for too long', async () => {
    const { state, parts } = source(1000, 1_000_000)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const body = new StreamedBody(parts, { stallMs: 5000 })
    const failed = new Promise((resolve) => body.once('error', resolve))
    body.read(0)
    while (body.readableLength === 0) await setImmediate()
    vi.advanceTimersByTime(4999)
    expect(body.destroyed).toBe(false)
    vi.advanceTimersByTime(1)
    expect(await failed).toBeInstanceOf(Error)
    vi.useRealTimers()
    await expect.poll(() => state.isEnded).toBe(true)
  })
})
