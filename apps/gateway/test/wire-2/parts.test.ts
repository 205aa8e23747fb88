import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { SealedAnswer } from '../../src/wire-2/answer/sealed-answer.js'
import { useFakeClock } from '../support.js'
import { handleStream } from './direct.js'
import { exchangeContext } from './in-process.js'

it('the first chunk has 20 seconds to arrive, whatever the time for a request', async () => {
  const clock = useFakeClock()
  const { context } = await exchangeContext({ requestTimeoutMs: 3_600_000 })
  const stalled = new Readable({ read: () => undefined })
  let outcome: unknown
  const handled = handleStream(context, stalled).then((result) => (outcome = result))
  stalled.push(Buffer.alloc(5))
  await new Promise(setImmediate)
  clock.advance(19_900)
  await new Promise(setImmediate)
  expect(outcome).toBeUndefined()
  clock.advance(200)
  await handled
  expect(outcome).toEqual({ outer: 408, isKeyProblem: false })
})

it('a caller that disconnects ends the signs of life, and the keys of its answer', async () => {
  const clock = useFakeClock()
  const calls: string[] = []
  const answer = new SealedAnswer({
    head: new Uint8Array(32),
    seal: () => {
      calls.push('seal')
      return Promise.resolve(new Uint8Array(20))
    },
    dispose: () => void calls.push('dispose'),
  })
  answer.keepAlive()
  clock.advance(15_000)
  expect(calls).toEqual(['seal'])
  answer.body.destroy()
  await new Promise(setImmediate)
  clock.advance(600_000)
  expect(calls).toEqual(['seal', 'dispose'])
  const content = new Uint8Array([1, 2, 3])
  expect(await answer.finish({ status: 200, fields: [], content })).toBe(0)
  expect(content).toEqual(new Uint8Array(3))
  expect(calls).toEqual(['seal', 'dispose'])
})
