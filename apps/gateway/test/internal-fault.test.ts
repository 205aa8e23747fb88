import type { AddressInfo } from 'node:net'
import { KeyRing } from '@nomyo/crypto'
import { afterAll, describe, expect, it } from 'vitest'
import { Admission } from '../src/admission.js'
import { noAttestor } from '../src/attestor/attestor.js'
import { createAuthenticate } from '../src/authenticate.js'
import { HttpError } from '../src/http-error.js'
import { Metrics } from '../src/metrics/metrics.js'
import { RateLimiter } from '../src/rate-limit/rate-limiter.js'
import { LocalReplayMemory } from '../src/replay/local-replay-memory.js'
import { createServer } from '../src/server.js'
import { chat, post, refusalOf, seal, serverKeys } from './support.js'

let fault: unknown
const metrics = new Metrics()
const server = createServer({
  context: {
    serverKeys: new KeyRing(serverKeys),
    engine: {
      name: 'faulty',
      complete: async () => {
        throw fault
      },
      models: () => Promise.resolve([]),
      close: () => Promise.resolve(),
    },
    attestor: noAttestor,
    replayMemory: new LocalReplayMemory({ windowMs: 60_000 }),
    maxBodyBytes: 1024 * 1024,
    metrics,
    admission: new Admission({}, metrics),
  },
  authenticate: createAuthenticate(() => undefined),
  rateLimiter: new RateLimiter({ limit: undefined }),
  corsOrigins: [],
  unready: () => undefined,
  logLevel: 'silent',
})
await server.listen({ host: '127.0.0.1', port: 0 })
afterAll(() => server.close())
const url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`

describe('a fault of the gateway itself', () => {
  it.each([
    new Error('canary'),
    new RangeError('canary'),
    Object.assign(new Error('canary'), { code: 'ERR_CANARY', statusCode: 500 }),
    Object.assign(new Error('canary'), { code: 'ERR_CANARY' }),
    Object.assign(new Error('canary'), { statusCode: 404 }),
  ])('is answered with 500 and no word of it: %o', async (given) => {
    fault = given
    const answer = await post({ url }, await seal(chat('canary')))
    expect(answer.status).toBe(500)
    expect(refusalOf(answer)).not.toMatch(/canary|\.[jt]s:\d/i)
    expect(answer.headers.get('retry-after')).toBeNull()
  })

  it('is told from what an engine has to say', async () => {
    fault = new HttpError(503, 'fixed words', 17)
    const answer = await post({ url }, await seal(chat('x')))
    expect(answer.status).toBe(503)
    expect(refusalOf(answer)).toBe('fixed words')
    expect(answer.headers.get('retry-after')).toBe('17')
  })
})
