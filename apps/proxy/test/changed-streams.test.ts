import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { shared, startScriptedModel, stopAfterTest } from '@nomyo-internal/testing'
import { expect, it } from 'vitest'
import { ask, caller, newGateway, testProxy } from './support.js'
import { startWireTap } from './wire-tap.js'

const model = shared(() => startScriptedModel())
const gateway = shared(() =>
  newGateway({ engine: { kind: 'openai', baseUrl: model().url, apiKey: undefined } }),
)

it.each([
  ['/v1/chat/completions', {}],
  ['/v1/messages', { max_tokens: 10 }],
])('a stream of %s that is changed on its way is an error, and reported', async (path, more) => {
  const wire = stopAfterTest(await startWireTap(gateway().url))
  const proxy = await testProxy(wire.url)
  const outgoing = request(proxy.url + path, { method: 'POST', headers: caller(), agent: false })
  const messages = [{ role: 'user', content: 'Hello!' }]
  outgoing.end(JSON.stringify({ model: 'endless', messages, stream: true, ...more }))
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  await once(response, 'data')
  wire.change()
  const rest = await text(response).catch(() => '')
  if (path === '/v1/messages') expect(rest).toContain('"code":"ERR_DECRYPTION_FAILED"')
  const health = await ask(`${proxy.url}/health`)
  expect(health.status).toBe(503)
  expect(JSON.parse(health.body)).toMatchObject({ status: 'ERR_DECRYPTION_FAILED' })
})
