import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { abortable, startDeadline } from '../src/deadline.js'
import { APIConnectionError } from '../src/errors.js'
import { rejection } from './support.js'

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

describe('a deadline', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('aborts with ERR_TIMEOUT after its time, not before', () => {
    const deadline = startDeadline(60)
    vi.advanceTimersByTime(59)
    expect(deadline.signal.aborted).toBe(false)
    vi.advanceTimersByTime(1)
    expect(deadline.signal.reason).toBeInstanceOf(APIConnectionError)
    expect(deadline.signal.reason).toMatchObject({ code: 'ERR_TIMEOUT' })
  })

  it('without a time never ends by itself', () => {
    const deadline = startDeadline(undefined)
    vi.advanceTimersByTime(2 ** 31)
    expect(deadline.signal.aborted).toBe(false)
  })

  it('that was cleared never aborts', () => {
    const caller = new AbortController()
    const deadline = startDeadline(20, [caller.signal])
    deadline.clear()
    caller.abort()
    vi.advanceTimersByTime(40)
    expect(deadline.signal.aborted).toBe(false)
  })

  it('whose time starts anew ends after that time, or never', () => {
    const deadline = startDeadline(60)
    vi.advanceTimersByTime(59)
    deadline.restart(100, 'Nothing')
    vi.advanceTimersByTime(99)
    expect(deadline.signal.aborted).toBe(false)
    deadline.restart(undefined)
    vi.advanceTimersByTime(2 ** 31)
    expect(deadline.signal.aborted).toBe(false)
    deadline.restart(5)
    vi.advanceTimersByTime(5)
    expect(deadline.signal.reason).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(() => {
      deadline.restart(2 ** 31)
    }).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }))
  })

  it('follows every signal it was given', () => {
    for (const which of [0, 1]) {
      const callers = [new AbortController(), new AbortController()]
      const deadline = startDeadline(1000, [undefined, ...callers.map(({ signal }) => signal)])
      callers[which]!.abort(new Error('of the caller'))
      expect(deadline.signal.reason).toBeInstanceOf(APIConnectionError)
      expect(deadline.signal.reason).toMatchObject({ code: 'ERR_ABORTED' })
      deadline.clear()
    }
  })

  it('is over from the start where a signal already is', () => {
    const deadline = startDeadline(1000, [AbortSignal.abort()])
    expect(deadline.signal.reason).toMatchObject({ code: 'ERR_ABORTED' })
    deadline.clear()
  })

  it('passes an error of this package on as it is', () => {
    const reason = new APIConnectionError('ERR_TIMEOUT', 'of another deadline')
    const deadline = startDeadline(1000, [AbortSignal.abort(reason)])
    expect(deadline.signal.reason).toBe(reason)
    deadline.clear()
  })

  it('may be ended with an error', () => {
    const reason = new APIConnectionError('ERR_ABORTED', 'closed')
    const deadline = startDeadline(1000)
    deadline.abort(reason)
    expect(deadline.signal.reason).toBe(reason)
    deadline.clear()
  })

  it('keeps the first reason', () => {
    const caller = new AbortController()
    const deadline = startDeadline(20, [caller.signal])
    vi.advanceTimersByTime(20)
    caller.abort()
    expect(deadline.signal.reason).toMatchObject({ code: 'ERR_TIMEOUT' })
  })

  it('lets go of long-lived signals when it is cleared', () => {
    const { signal } = new AbortController()
    const deadlines = Array.from({ length: 5 }, () => startDeadline(1000, [signal]))
    expect(listeners(signal)).toBe(5)
    for (const deadline of deadlines) deadline.clear()
    expect(listeners(signal)).toBe(0)
  })
})

describe('an abortable promise', () => {
  const never = new Promise<never>(() => undefined)

  it('gives the result of the promise, and unsubscribes from the signal', async () => {
    const { signal } = new AbortController()
    expect(await abortable(Promise.resolve(7), signal)).toBe(7)
    const error = new Error('own')
    expect(await rejection(abortable(Promise.reject(error), signal))).toBe(error)
    expect(listeners(signal)).toBe(0)
  })

  it('ends with the reason of the signal', async () => {
    const reason = new APIConnectionError('ERR_TIMEOUT', 'late')
    const controller = new AbortController()
    const waiting = rejection(abortable(never, controller.signal))
    controller.abort(reason)
    expect(await waiting).toBe(reason)
    expect(await rejection(abortable(never, controller.signal))).toBe(reason)
  })

  it('ends with ERR_ABORTED where the reason is of another kind', async () => {
    for (const reason of [
      undefined,
      'a text',
      new Error('any'),
      new DOMException('x', 'AbortError'),
    ]) {
      const error = await rejection(abortable(never, AbortSignal.abort(reason)))
      expect(error).toBeInstanceOf(APIConnectionError)
      expect(error).toMatchObject({ code: 'ERR_ABORTED' })
    }
  })

  it('ignores a later result of the promise', async () => {
    const unhandled: unknown[] = []
    const listener = (error: unknown): void => {
      unhandled.push(error)
    }
    process.on('unhandledRejection', listener)
    let fail: (error: Error) => void = () => undefined
    const late = new Promise<never>((_, reject) => (fail = reject))
    expect(await rejection(abortable(late, AbortSignal.abort()))).toMatchObject({
      code: 'ERR_ABORTED',
    })
    fail(new Error('late'))
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', listener)
    expect(unhandled).toEqual([])
  })
})
