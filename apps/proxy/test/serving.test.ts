import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { completionOf, makeKeyDir, stopAfterTest, temporaryFolder } from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  ask,
  caller,
  complete,
  hello,
  newGateway,
  rawCompletion,
  refusalCode,
  testProxy,
  useGateway,
  useModel,
} from './support.js'

const model = useModel()
const gateway = useGateway(model.engine)

it('the proxy reports that the gateway is down, and serves again when it is back', async () => {
  const first = await newGateway()
  const { port } = first
  const proxy = await testProxy(first.url)
  expect((await complete(proxy)).status).toBe(200)
  await first.stop()
  expect(refusalCode(await complete(proxy), 502)).toBe('ERR_NETWORK')
  const models = await ask(`${proxy.url}/v1/models`, { headers: caller() })
  expect(refusalCode(models, 502)).toBe('ERR_NETWORK')
  const second = await newGateway({ port })
  expect((await complete(proxy)).status).toBe(200)
  await second.stop()

  // The same address with another key: nothing is encrypted to it, and health reports why.
  stopAfterTest(
    await newGateway({
      port,
      keyDir: makeKeyDir({ 'private_key.pem': 'client' }, temporaryFolder()),
    }),
  )
  expect(refusalCode(await complete(proxy), 406)).toBe('ERR_SERVER_KEY_CHANGED')
  const health = await ask(`${proxy.url}/health`)
  expect(health.status).toBe(503)
  expect(JSON.parse(health.body)).toMatchObject({
    status: 'ERR_SERVER_KEY_CHANGED',
    fingerprint: second.identity,
  })
})

describe('completions in flight', () => {
  it('are as many as --max-concurrency allows', async () => {
    const proxy = await testProxy(gateway(), ['--max-concurrency', '1'])
    const arrived = new Promise<ServerResponse>((resolve) => (model.complete = resolve))
    const first = complete(proxy)
    const response = await arrived
    const second = await complete(proxy)
    expect(refusalCode(second, 429)).toBe('ERR_TOO_MANY_REQUESTS')
    expect(second.headers['retry-after']).toBe('1')
    response.end(completionOf({ content: 'at last' }))
    expect((await first).body).toContain('at last')
  })

  it('are cancelled when their connection closes, also pipelined ones', async () => {
    const proxy = await testProxy(gateway(), ['--max-concurrency', '2'])
    let arrived = 0
    let cancelled = 0
    model.complete = (response) => {
      arrived++
      response.once('close', () => cancelled++)
    }
    const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1')
    socket.write(rawCompletion().repeat(2))
    await expect.poll(() => arrived).toBe(2)
    socket.destroy()
    await expect.poll(() => cancelled).toBe(2)
    await expect.poll(() => proxy.log().match(/ status=null /g)).toHaveLength(2)

    const places: ServerResponse[] = []
    model.complete = (response) => places.push(response)
    const next = [complete(proxy), complete(proxy)]
    await expect.poll(() => places).toHaveLength(2)
    for (const response of places) response.end(completionOf({ content: 'hi' }))
    for (const answer of next) expect((await answer).status).toBe(200)
  })
})

it('a caller that does not read its answers loses the connection, and its places', async () => {
  const demo = stopAfterTest(await newGateway())
  const proxy = await testProxy(demo.url, ['--max-concurrency', '2'])
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  const content = 'x'.repeat(9.9 * 2 ** 20)
  // The buffers of the system may take one answer, but not two.
  socket.write(rawCompletion(hello({ messages: [{ role: 'user', content }] })).repeat(2))
  await once(socket, 'data')
  socket.pause()
  await expect
    .poll(
      () => {
        vi.advanceTimersByTime(120_000)
        return proxy.log()
      },
      { interval: 1000 },
    )
    .toMatch(/ status=null /)
  vi.useRealTimers()
  const both = await Promise.all([complete(proxy), complete(proxy)])
  expect(both.map(({ status }) => status)).toEqual([200, 200])
})
