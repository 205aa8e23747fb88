import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Pace } from '../src/completion/pace.js'
import { readConfig } from '../src/config/options.js'
import { completeOnce, newSession, refuse, startTestServer } from './support.js'

describe('a pace', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  /** Asks for turns at once, lets time pass, and returns the times of the turns in seconds. */
  async function turns(pace: Pace, count: number, signal = new AbortController().signal) {
    const start = performance.now()
    const times: number[] = []
    for (let turn = 0; turn < count; turn++) {
      void pace.wait(signal).then(() => times.push((performance.now() - start) / 1000))
    }
    await vi.advanceTimersByTimeAsync(count * 1000 + 60_000)
    return times
  }

  it('spaces requests evenly', async () => {
    expect(await turns(new Pace({ perSecond: 2 }), 4)).toEqual([0, 0.5, 1, 1.5])
  })

  it('allows a burst, and the next one ten seconds later', async () => {
    const pace = new Pace({ perSecond: 2, burst: 4 })
    const first = await turns(pace, 6)
    expect(first).toEqual([0, 0, 0, 0.5, 1, 1.5])
    expect(first.filter((time) => time < 1)).toHaveLength(4)
    const again = new Pace({ perSecond: 2, burst: 4 })
    const signal = new AbortController().signal
    const times: number[] = []
    const start = performance.now()
    // One request every 100 ms for 20 seconds, each at its turn.
    for (let request = 0; request < 200; request++) {
      void again.wait(signal).then(() => times.push(performance.now() - start))
      await vi.advanceTimersByTimeAsync(100)
    }
    await vi.advanceTimersByTimeAsync(200_000)
    const inWindow = (from: number, length: number): number =>
      times.filter((time) => time >= from && time < from + length).length
    for (const from of times) {
      expect(inWindow(from, 999)).toBeLessThanOrEqual(4)
      expect(inWindow(from, 9999)).toBeLessThanOrEqual(2 * 10 + 2)
    }
  })

  it('holds back requests that wait and later ones', async () => {
    const pace = new Pace({ perSecond: 2 })
    const warned: string[] = []
    const { signal } = new AbortController()
    await pace.wait(signal)
    const times: number[] = []
    const start = performance.now()
    void pace.wait(signal).then(() => times.push(performance.now() - start))
    pace.hold({ warn: (text) => warned.push(text), debug: () => undefined })
    void pace.wait(signal).then(() => times.push(performance.now() - start))
    await vi.advanceTimersByTimeAsync(29_999)
    expect(times).toEqual([])
    await vi.advanceTimersByTimeAsync(2000)
    expect(times).toHaveLength(2)
    expect(warned).toHaveLength(1)
  })

  it('ends with the signal', async () => {
    const pace = new Pace({ perSecond: 1 })
    const controller = new AbortController()
    await pace.wait(controller.signal)
    const waiting = pace.wait(controller.signal)
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  })
})

describe('the option pace', () => {
  it('is the documented limit for the hosted service alone', () => {
    expect(readConfig({}).pace).toEqual({ perSecond: 2, burst: 4 })
    expect(readConfig({ pace: false }).pace).toBe(false)
    for (const baseUrl of ['https://api.nomyo.ai.example', 'https://gateway.example']) {
      expect(readConfig({ baseUrl }).pace).toBe(false)
    }
  })

  it.each([
    true,
    2,
    { perSecond: 0 },
    { perSecond: NaN },
    { perSecond: 1, burst: 0.5 },
    { burst: 2 },
  ])('refuses %j', (pace) => {
    expect(() => readConfig({ pace: pace as never })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION' }),
    )
  })

  it('reports its wait as a step', async () => {
    const server = await startTestServer()
    const steps: string[] = []
    const onStep = ({ name }: { name: string }): void => void steps.push(name)
    await completeOnce({ baseUrl: server.url, pace: { perSecond: 1000 }, onStep })
    expect(steps).toContain('pace')
    steps.length = 0
    await completeOnce({ baseUrl: server.url, onStep })
    expect(steps).not.toContain('pace')
  })

  it.each([
    [503, {}, 1],
    [503, { 'retry-after': '1' }, 0],
    [500, {}, 0],
  ])('warns of a hold after %i with the headers %j: %i times', async (status, headers, times) => {
    const server = await startTestServer()
    server.answer = refuse(status, headers)
    const warnings: string[] = []
    const logger = { warn: (text: string) => void warnings.push(text) }
    const ask = await newSession({ baseUrl: server.url, pace: { perSecond: 1000 }, logger })
    await ask().catch(() => undefined)
    expect(warnings.filter((text) => text.includes('Retry-After'))).toHaveLength(times)
  })
})
