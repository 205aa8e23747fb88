import { setTimeout as delay } from 'node:timers/promises'
import { until } from '@nomyo-internal/testing'
import { SecureChatCompletion } from '@nomyo/client'
import { createNomyoFetch } from '@nomyo/client/openai-fetch'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fileGateway, testModelServer } from '../support.js'
import { chunkOf, DONE } from '../streams/stream-client.js'
import { testGateway } from '../support.js'
import { testRelay } from './support.js'

const KEY = 'a-key-of-more-than-16-characters'
const request = { model: 'nomyo/echo', messages: [{ role: 'user' as const, content: 'Hello!' }] }

/** Creates a client that notes the requests that go past the relay. */
function newClient(gateway: { readonly url: string }, relay: { readonly url: string }) {
  const past: string[] = []
  const client = new SecureChatCompletion({
    baseUrl: gateway.url,
    relayUrl: relay.url,
    allowHttp: true,
    apiKey: KEY,
    maxRetries: 0,
    logger: { warn: () => undefined },
    fetch: (input, init) => {
      const url = new URL(input as string)
      if (url.origin === gateway.url) past.push(`${init?.method ?? 'GET'} ${url.pathname}`)
      return fetch(input, init)
    },
  })
  onTestFinished(() => client.dispose())
  return { client, past }
}

describe('through a relay, a client', async () => {
  const gateway = await fileGateway({ args: ['--engine', 'demo', '--api-key', KEY] })

  it('asks for everything but keys', async () => {
    const relay = await testRelay(gateway.url)
    const { client, past } = newClient(gateway, relay)
    expect((await client.create(request)).choices[0].message.content).toContain('Hello!')
    const models = await client.models.list()
    expect(models.data.map(({ id }) => id)).toContain('nomyo/echo')
    const listed = await createNomyoFetch({ client })(`${gateway.url}/v1/models`)
    expect(listed.status).toBe(200)
    const embedded = await client.embeddings.create({ model: 'nomyo/demo', input: 'x' })
    expect(embedded.data).toHaveLength(1)
    expect(past).toEqual(['GET /pki/wire2'])
  })

  it('gets tokens as they are made, and stops the model when it stops', async () => {
    let isClosed = false
    let goOn = (): void => undefined
    const model = await testModelServer((response, { method }) => {
      if (method === 'GET') return void response.end('{"data":[{"id":"m"}]}')
      response.on('close', () => (isClosed = true))
      response.setHeader('content-type', 'text/event-stream')
      response.write(chunkOf({ content: 'one' }))
      goOn = () => response.write(chunkOf({ content: 'two' }) + chunkOf({ content: 'x' }))
    })
    const own = await testGateway({ args: ['--upstream', model.url, '--api-key', KEY] })
    const { client } = newClient(own, await testRelay(own.url))
    const stream = await client.chat.completions.create({ ...request, model: 'm', stream: true })
    const texts: unknown[] = []
    for await (const chunk of stream) {
      texts.push(chunk.choices[0]?.delta.content)
      if (texts.length === 1) goOn()
      if (texts.length === 2) break
    }
    expect(texts).toEqual(['one', 'two'])
    await until(() => isClosed)
  })

  it('learns of a stream that the relay cut off', async () => {
    const model = await testModelServer((response, { method }) => {
      if (method === 'GET') return void response.end('{"data":[{"id":"m"}]}')
      response.setHeader('content-type', 'text/event-stream')
      response.write(chunkOf({ content: 'one' }))
      void delay(2000).then(() => response.end(chunkOf({}, 'stop') + DONE))
    })
    const own = await testGateway({ args: ['--upstream', model.url, '--api-key', KEY] })
    const { client } = newClient(own, await testRelay(own.url, { idleTimeoutMs: 400 }))
    const stream = await client.chat.completions.create({ ...request, model: 'm', stream: true })
    const texts: unknown[] = []
    const reading = (async () => {
      for await (const chunk of stream) texts.push(chunk.choices[0]?.delta.content)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'ERR_TRUNCATED' })
    expect(texts).toEqual(['one'])
  })
})
