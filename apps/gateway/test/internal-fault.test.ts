import { afterAll, describe, expect, it } from 'vitest'
import { HttpError } from '../src/http-error.js'
import { listenInProcess } from './in-process.js'
import { chat, post, refusalOf, seal } from './support.js'

let fault: unknown
const { server, url } = await listenInProcess({
  engine: {
    complete: async () => {
      throw fault
    },
    forward: async () => {
      throw fault
    },
    models: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  },
})
afterAll(() => server.close())

describe('a fault of the gateway itself', () => {
  it.each([
    new Error('canary'),
    new RangeError('canary'),
    Object.assign(new Error('canary'), { code: 'ERR_CANARY', statusCode: 500 }),
    Object.assign(new Error('canary'), { code: 'ERR_CANARY' }),
    Object.assign(new Error('canary'), { statusCode: 404 }),
  ])('is answered with 500 and without its message: %o', async (given) => {
    fault = given
    const answer = await post({ url }, await seal(chat('canary')))
    expect(refusalOf(answer, 500)).not.toMatch(/canary|\.[jt]s:\d/i)
    expect(answer.headers.get('retry-after')).toBeNull()
  })

  it('differs from a refusal of an engine', async () => {
    fault = new HttpError(503, 'fixed words', 17)
    const answer = await post({ url }, await seal(chat('x')))
    expect(refusalOf(answer, 503)).toBe('fixed words')
    expect(answer.headers.get('retry-after')).toBe('17')
  })
})
