import { shared, startServer } from '@nomyo-internal/testing'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { beforeEach, expect, it } from 'vitest'
import { ask, caller, complete, newProxy, type Answer } from './support.js'

/** A gateway without wire 2 that refuses everything but its key, with these headers. */
let headers: Record<string, string> = {}
const gateway = shared(() =>
  startServer((request, response) => {
    if (request.url === '/pki/public_key') {
      response.end(keyPem('keys/server.public.pem'))
      return
    }
    if (request.url === '/pki/wire2') {
      response.writeHead(404).end()
      return
    }
    request.resume().on('end', () => {
      response.writeHead(429, headers).end('{"detail":"slow down"}')
    })
  }),
)
const proxy = shared(() => newProxy(gateway().url))

beforeEach(() => {
  headers = {}
})

/** Asks both routes, which must agree. */
async function refusal(): Promise<Answer['headers']> {
  const completion = await complete(proxy())
  const models = await ask(`${proxy().url}/v1/models`, { headers: caller() })
  expect([completion.status, models.status]).toEqual([429, 429])
  for (const name of ['retry-after', 'retry-after-ms']) {
    expect(models.headers[name], name).toBe(completion.headers[name])
  }
  return completion.headers
}

it.each([
  [{ 'retry-after': '7' }, '7', '7000'],
  [{ 'retry-after': '1.5' }, '2', '1500'],
  [{ 'retry-after-ms': '250' }, '1', '250'],
  [{ 'retry-after-ms': '250', 'retry-after': '7' }, '1', '250'],
  [{ 'retry-after-ms': 'soon', 'retry-after': '7' }, '7', '7000'],
  [{ 'retry-after': 'Fri, 06 Nov 1998 08:49:37 GMT' }, '0', '0'],
  [{ 'retry-after': 'Friday, 06-Nov-98 08:49:37 GMT' }, '0', '0'],
  [{ 'retry-after': 'Fri Nov  6 08:49:37 1998' }, '0', '0'],
  [{ 'retry-after': 'soon' }, undefined, undefined],
  [{ 'retry-after': '-5' }, undefined, undefined],
  [{}, undefined, undefined],
])('the wait that a gateway requests reaches the caller: %j', async (given, seconds, ms) => {
  headers = given
  const passed = await refusal()
  expect([passed['retry-after'], passed['retry-after-ms']]).toEqual([seconds, ms])
  expect(passed['x-should-retry']).toBeUndefined()
})

it('a wait that is too long for a program ends its retries', async () => {
  headers = { 'retry-after': '999999999999999999999' }
  const passed = await refusal()
  expect(passed['x-should-retry']).toBe('false')
  expect(Number(passed['retry-after'])).toBeGreaterThan(60)
})
