import { once } from 'node:events'
import { connect, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2'
import { Readable } from 'node:stream'
import { SecureChatCompletion } from '@nomyo/client'
import { describe, expect, it, onTestFinished } from 'vitest'
import { PROXIES, canRun, testProxy } from '../proxies/proxy.js'
import { testGatewayProcess, testModelServer } from '../support.js'
import { DONE, chunkOf } from './stream-client.js'

/** More than the six connections that a browser opens to a host. */
const STREAMS = 8
const messages = [{ role: 'user' as const, content: 'Hello' }]

/** A `fetch` over one connection of HTTP/2, as browsers have it. */
async function http2Fetch(origin: string): Promise<typeof fetch> {
  const session = connect(origin, { rejectUnauthorized: false })
  onTestFinished(() => session.destroy())
  await once(session, 'connect')
  // Browsers use it only where the server has chosen it.
  expect(session.alpnProtocol).toBe('h2')
  return async (input, init) => {
    const request = new Request(input, init)
    const { pathname, search } = new URL(request.url)
    const body = Buffer.from(await request.arrayBuffer())
    const stream = session.request({
      ...Object.fromEntries(request.headers),
      // As browsers send it: a body of unknown length reserves memory for the longest one.
      ...(body.length > 0 ? { 'content-length': body.length } : {}),
      ':method': request.method,
      ':path': pathname + search,
    })
    // A request without a body has ended already.
    if (request.body !== null) stream.end(body)
    const [head] = (await once(stream, 'response')) as [
      IncomingHttpHeaders & IncomingHttpStatusHeader,
    ]
    const headers = Object.entries(head).flatMap(([name, value]): [string, string][] =>
      name.startsWith(':') || value === undefined ? [] : [[name, String(value)]],
    )
    const content = Readable.toWeb(stream) as ReadableStream<Uint8Array>
    return new Response(content, { status: head[':status'] ?? 0, headers })
  }
}

describe.each(PROXIES.filter(canRun))('behind %s as in the example', (name) => {
  it('a browser has more than six streams at a time, on one connection', async () => {
    const waiting: (() => void)[] = []
    const model = await testModelServer((response, { method }) => {
      if (method === 'GET') return void response.end('{"data":[{"id":"m"}]}')
      response.setHeader('content-type', 'text/event-stream')
      response.write(chunkOf({ content: 'first' }))
      // None ends before all have begun.
      waiting.push(() => response.end(chunkOf({}, 'stop') + DONE))
      if (waiting.length === STREAMS) for (const finish of waiting) finish()
    })
    const args = ['--upstream', model.url, '--trust-proxy=loopback', '--health-interval=3600']
    const gateway = await testGatewayProcess({ args })
    const proxy = await testProxy(name, [gateway.port, gateway.port])
    const client = new SecureChatCompletion({
      baseUrl: proxy.url,
      wire: 2,
      maxRetries: 0,
      fetch: await http2Fetch(proxy.url),
    })
    onTestFinished(() => client.dispose())
    const read = async (): Promise<string> => {
      let text = ''
      const request = { model: 'm', messages, stream: true } as const
      for await (const { choices } of await client.chat.completions.create(request)) {
        text += choices[0]?.delta.content ?? ''
      }
      return text
    }
    const texts = await Promise.all(Array.from({ length: STREAMS }, read))
    expect(texts).toEqual(Array.from({ length: STREAMS }, () => 'first'))
  }, 20_000)
})
