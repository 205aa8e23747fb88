import { describe, expect, it } from 'vitest'
import { SharedRun } from '../src/keys/shared-run.js'

const GAVE_UP = new Error('gave up')

/** Starts work that the test ends, and shows whether it was aborted. */
function start() {
  let signal = new AbortController().signal
  const { promise, resolve, reject } = deferred<string>()
  const run = new SharedRun((given) => {
    signal = given
    return promise
  })
  return { run, resolve, reject, isAborted: () => signal.aborted }
}

function deferred<T>() {
  let settle: [(value: T) => void, (error: Error) => void] | undefined
  const promise = new Promise<T>((...given) => (settle = given))
  return { promise, resolve: settle![0], reject: settle![1] }
}

describe('a shared run', () => {
  it('gives all that wait one result, and later callers too', async () => {
    const { run, resolve } = start()
    const waiting = [1, 2].map(() => run.wait(new AbortController().signal))
    resolve('done')
    expect(await Promise.all(waiting)).toEqual(['done', 'done'])
    expect(run.isOver).toBe(false)
    expect(await run.wait(new AbortController().signal)).toBe('done')
  })

  it('goes on while one still waits, is for no other caller, and ends with the last', async () => {
    const { run, isAborted } = start()
    const [first, second] = [new AbortController(), new AbortController()]
    const waiting = [first, second].map(({ signal }) => run.wait(signal).catch(() => 'left'))
    first.abort(GAVE_UP)
    await waiting[0]
    expect([run.isOver, isAborted()]).toEqual([true, false])
    second.abort(GAVE_UP)
    await waiting[1]
    expect(isAborted()).toBe(true)
  })

  it('is over when it fails', async () => {
    const { run, reject } = start()
    const waiting = run.wait(new AbortController().signal)
    reject(GAVE_UP)
    await expect(waiting).rejects.toBe(GAVE_UP)
    expect(run.isOver).toBe(true)
  })
})
