import { setTimeout } from 'node:timers/promises'
import { missingPrograms } from '@nomyo-internal/testing'
import { SecureChatCompletion } from '@nomyo/client'
import { expect, it, onTestFinished } from 'vitest'
import { PROXIES, testProxy } from '../proxies/proxy.js'
import { testGatewayProcess, testModelServer } from '../support.js'
import { DONE, chunkOf } from './stream-client.js'

/** Length of a stream; 600 is the longest answer of a model server by default. */
const SECONDS = Number(process.env['NOMYO_STREAM_SECONDS'] ?? 3)
/** Longer than the minute of silence after which proxies and clients give up, where there is time for it. */
const PAUSE_SECONDS = Math.min(70, SECONDS / 3)
const EVENTS = Math.floor(SECONDS / PAUSE_SECONDS) + 1

const installed = PROXIES.filter((name) => missingPrograms([name, 'openssl']).length === 0)

/** Starts a model server that sends numbers, with a pause before each but the first; returns the last one too. */
async function testPausingModel() {
  const model = { url: '', last: 0 }
  const count = async (write: (text: string) => unknown): Promise<void> => {
    for (let number = 1; number <= EVENTS; number++) {
      if (number > 1) await setTimeout(1000 * PAUSE_SECONDS)
      model.last = number
      write(chunkOf({ content: String(number) }))
    }
    write(chunkOf({}, 'stop') + DONE)
  }
  const { url } = await testModelServer((response, { method }) => {
    if (method === 'GET') {
      response.end('{"data":[]}')
      return
    }
    response.setHeader('content-type', 'text/event-stream')
    void count((text) => response.write(text)).then(() => response.end())
  })
  return Object.assign(model, { url })
}

/** Reads a stream through a proxy; returns its texts, each with the number that was sent last when it arrived. */
async function countThrough(name: (typeof PROXIES)[number]): Promise<[string, number][]> {
  const model = await testPausingModel()
  const gateway = await testGatewayProcess({
    args: ['--upstream', model.url, '--trust-proxy=loopback', '--health-interval=3600'],
  })
  const proxy = await testProxy(name, [gateway.port, gateway.port])
  const client = new SecureChatCompletion({
    baseUrl: proxy.url,
    fetch: proxy.fetchFrom(),
    wire: 2,
    maxRetries: 0,
  })
  onTestFinished(() => {
    client.dispose()
  })
  const stream = await client.chat.completions.create({
    model: 'm',
    messages: [{ role: 'user', content: 'Count slowly.' }],
    stream: true,
  })
  const received: [string, number][] = []
  for await (const { choices } of stream) {
    const text = choices[0]?.delta.content ?? ''
    if (text !== '') received.push([text, model.last])
  }
  return received
}

it.skipIf(installed.length === 0)(
  `a stream of ${SECONDS} seconds passes ${installed.join(' and ')} as the examples configure them, event by event`,
  { timeout: 1000 * (60 + 2 * SECONDS) },
  async () => {
    const numbers = Array.from({ length: EVENTS }, (_, at) => at + 1)
    const received = await Promise.all(installed.map(countThrough))
    // Each has arrived before the next one was sent.
    expect(received).toEqual(installed.map(() => numbers.map((number) => [`${number}`, number])))
  },
)
