import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  HI,
  chat,
  clientLines,
  COMPLETIONS,
  get,
  post,
  seal,
  send,
  testGateway,
  testModelServer,
} from './support.js'
import { metric } from './measure.js'

describe('more requests in flight than allowed', () => {
  it('are refused until one is answered', async () => {
    const upstream = await testModelServer()
    const waiting: ServerResponse[] = []
    upstream.answer = (response) => waiting.push(response)
    const gateway = await testGateway({ args: ['--upstream', upstream.url, '--max-requests=4'] })
    const request = async (): Promise<number> => (await send(gateway, chat('x'))).status
    const inFlight = [request(), request()]
    await expect.poll(() => waiting.length).toBe(2)
    expect(await request()).toBe(503)
    expect((await get(gateway, '/pki/public_key')).status).toBe(200)
    for (const response of waiting) response.end(HI)
    expect(await Promise.all(inFlight)).toEqual([200, 200])
    upstream.answer = (response) => response.end(HI)
    expect(await request()).toBe(200)
  })

  it('no longer count once their callers hang up', async () => {
    const upstream = await testModelServer()
    upstream.answer = () => undefined
    const gateway = await testGateway({ args: ['--upstream', upstream.url, '--max-requests=1'] })
    const caller = new AbortController()
    const abandoned = send(gateway, chat('x'), {}, caller.signal)
    await expect.poll(() => upstream.seen.length).toBe(1)
    caller.abort()
    await expect(abandoned).rejects.toThrow()
    upstream.answer = (response) => response.end(HI)
    await expect.poll(async () => (await send(gateway, chat('y'))).status).toBe(200)
  })
})

describe('requests in line behind another on their connection', () => {
  it('no longer count, and are at an end, once their caller hangs up', async () => {
    const upstream = await testModelServer()
    const ended: Promise<unknown>[] = []
    upstream.answer = (_response, { socket }) => void ended.push(once(socket, 'close'))
    const gateway = await testGateway({
      args: ['--upstream', upstream.url, '--max-requests=6', '--metrics-port=0'],
    })
    const socket = connect(gateway.port, '127.0.0.1')
    await once(socket, 'connect')
    for (const body of [await seal(chat('1')), await seal(chat('2')), Buffer.from('x')]) {
      const length = `content-length: ${body.length}\r\n`
      socket.write(`POST ${COMPLETIONS} HTTP/1.1\r\nhost: x\r\n${clientLines()}${length}\r\n`)
      socket.write(body)
    }
    await expect.poll(() => upstream.seen.length).toBe(2)
    expect((await post(gateway, 'x')).status).toBe(503)
    socket.resetAndDestroy()
    await Promise.all(ended)
    upstream.answer = (response) => response.end(HI)
    await expect
      .poll(async () => {
        const bodies = await Promise.all(['3', '4', '5'].map((text) => seal(chat(text))))
        const answers = await Promise.all(bodies.map((body) => post(gateway, body)))
        return answers.map(({ status }) => status)
      })
      .toEqual([200, 200, 200])
    await expect.poll(() => metric(gateway, 'nomyo_requests_in_flight')).toBe(0)
    expect(gateway.log()).not.toContain('MaxListeners')
  })
})

describe('more connections than allowed', () => {
  it('are closed, and those there go on', async () => {
    const gateway = await testGateway({ args: ['--engine', 'demo', '--max-connections=1'] })
    const first = connect(gateway.port, '127.0.0.1')
    onTestFinished(() => void first.destroy())
    await once(first, 'connect')
    first.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n')
    await once(first, 'data')
    const second = connect(gateway.port, '127.0.0.1')
    second.on('error', () => undefined).resume()
    await once(second, 'close')
    first.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n')
    const [answer] = (await once(first, 'data')) as [Buffer]
    expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /)
  })
})

describe('a caller with many requests', () => {
  it('waits for its own, and others do not', async () => {
    const args = ['--engine', 'demo', '--max-opens=1', '--max-queue=100', '--metrics-port=0']
    const gateway = await testGateway({
      args: [...args, '--api-key', 'the-key-with-many', '--api-key', 'the-key-with-few'],
    })
    const ask = async (key: string): Promise<number> => {
      const body = await seal(chat(key))
      expect((await post(gateway, body, { authorization: `Bearer ${key}` })).status).toBe(200)
      return performance.now()
    }
    const many = Promise.all(Array.from({ length: 60 }, () => ask('the-key-with-many')))
    await expect.poll(() => metric(gateway, 'nomyo_open_queue')).toBeGreaterThan(20)
    const few = await ask('the-key-with-few')
    const before = (await many).filter((at) => at < few)
    // In the order of their coming it would have been one of the last.
    expect(before.length).toBeLessThan(55)
    expect(await metric(gateway, 'nomyo_open_queue')).toBe(0)
  })
})
