import { until } from '@nomyo-internal/testing'
import { SecureChatCompletion } from '@nomyo/client'
import { describe, expect, it, onTestFinished } from 'vitest'
import { PROXIES, canRun, testProxy, type Proxy } from '../proxies/proxy.js'
import { DONE, chunkOf } from '../streams/stream-client.js'
import { HI, testGateway, testModelServer, type TestGateway } from '../support.js'

const KEY = 'a-key-of-more-than-16-characters'
const ask = (content: string) => ({ model: 'm', messages: [{ role: 'user' as const, content }] })

/** Creates a client of the gateway behind a proxy, which pins the identity of the gateway. */
function newClient(proxy: Proxy, gateway: TestGateway, address?: string): SecureChatCompletion {
  const client = new SecureChatCompletion({
    baseUrl: proxy.url,
    wire: 2,
    serverKeyPins: [String(gateway.identity)],
    apiKey: KEY,
    maxRetries: 0,
    fetch: proxy.fetchFrom(address),
  })
  onTestFinished(() => client.dispose())
  return client
}

describe.each(PROXIES.filter(canRun))('behind %s as in the example, wire 2', (name) => {
  async function start() {
    let isClosed = false
    let write: (text: string, isLast?: boolean) => void = () => undefined
    const model = await testModelServer((response, { method, body }) => {
      if (method === 'GET') return void response.end('{"data":[{"id":"m"}]}')
      if (!body.includes('"stream":true')) return void response.end(HI)
      response.on('close', () => (isClosed = true))
      response.setHeader('content-type', 'text/event-stream')
      response.write(chunkOf({ content: '0 ' }))
      write = (text, isLast = false) => {
        if (isLast) response.end(text)
        else response.write(text)
      }
    })
    const args = ['--upstream', model.url, '--api-key', KEY, '--trust-proxy', '127.0.0.1']
    const gateway = await testGateway({ args })
    const proxy = await testProxy(name, [gateway.port, gateway.port])
    return {
      gateway,
      proxy,
      write: (text: string, isLast?: boolean) => write(text, isLast),
      isClosed: () => isClosed,
    }
  }

  it('answers small and large requests, from the address of their client', async () => {
    const { gateway, proxy } = await start()
    const client = newClient(proxy, gateway, '127.0.0.9')
    expect((await client.create(ask('Hello!'))).choices[0].message.content).toBe('Hi')
    const large = await client.create(ask('lange Frage '.repeat(750_000)))
    expect(large.choices[0].message.content).toBe('Hi')
    await until(() => gateway.log().split('"wire":2').length === 3)
    expect(gateway.log()).toMatch(
      /"wire":2[^\n]*"address":"127\.0\.0\.9"|"address":"127\.0\.0\.9"[^\n]*"wire":2/,
    )
  }, 30_000)

  it('streams tokens one by one, and stops the model when the caller stops', async () => {
    const { gateway, proxy, write, isClosed } = await start()
    const client = newClient(proxy, gateway)
    const stream = await client.chat.completions.create({ ...ask('x'), stream: true })
    const texts: unknown[] = []
    for await (const chunk of stream) {
      texts.push(chunk.choices[0]?.delta.content)
      // The next one is made once the last one has arrived: nothing on the path may wait for more.
      if (texts.length === 5) break
      write(chunkOf({ content: `${String(texts.length)} ` }))
    }
    expect(texts).toEqual(['0 ', '1 ', '2 ', '3 ', '4 '])
    await until(isClosed)
  }, 30_000)

  it('ends streams as the gateway does', async () => {
    const { gateway, proxy, write } = await start()
    const client = newClient(proxy, gateway)
    const stream = await client.chat.completions.create({ ...ask('x'), stream: true })
    const texts: unknown[] = []
    for await (const chunk of stream) {
      texts.push(chunk.choices[0]?.delta.content)
      if (texts.length === 1) write(chunkOf({}, 'stop') + DONE, true)
    }
    expect(texts[0]).toBe('0 ')
  }, 30_000)
})
