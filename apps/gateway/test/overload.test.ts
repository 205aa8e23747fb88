import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type Server } from 'node:net'
import { promisify } from 'node:util'
import { completionOf, listenOnLoopback } from '@nomyo-internal/testing'
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
import { readBody } from '../src/completion/read-body.js'
import type { Engine } from '../src/upstreams/engine.js'
import { listenInProcess } from './in-process.js'
import { metric } from './measure.js'

/** A minimal completion. */
const ANSWER = completionOf({ content: 'Hi' })

const connectionsOf = (server: Server): Promise<number> =>
  promisify(server.getConnections.bind(server))()

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

const KEYS = ['a-key-of-one-caller-0001', 'a-key-of-one-caller-0002'] as const
const keyArgs = KEYS.flatMap((key) => ['--api-key', key])

/** Starts a gateway before a model server that holds its answers back. */
async function heldGateway(...args: readonly string[]) {
  const upstream = await testModelServer()
  const held: ServerResponse[] = []
  upstream.answer = (response, { method }) =>
    method === 'GET' ? response.end('{"data":[]}') : held.push(response)
  const gateway = await testGateway({
    args: ['--upstream', upstream.url, '--metrics-port=0', ...keyArgs, ...args],
  })
  const ask = async (caller: 0 | 1, content: unknown = 'x', signal?: AbortSignal) => {
    const { status, headers } = await send(
      gateway,
      chat(content),
      { authorization: `Bearer ${KEYS[caller]}` },
      signal,
    )
    if (status === 503) expect(headers.get('retry-after')).toBe('1')
    return status
  }
  const release = (): void => {
    upstream.answer = (response) => response.end(ANSWER)
    for (const response of held) response.end(ANSWER)
  }
  const shed = (cause: string) => metric(gateway, `nomyo_shed_total{cause="${cause}"}`)
  const bytes = () => metric(gateway, 'nomyo_bytes_in_flight')
  return { gateway, upstream, held, ask, release, shed, bytes }
}

describe('one caller of a slow model', () => {
  it('holds at most half of all places', async () => {
    const { held, ask, release, shed } = await heldGateway('--max-requests=8')
    const first = Array.from({ length: 4 }, () => ask(0))
    await expect.poll(() => held.length).toBe(4)
    expect([await ask(0), await ask(0)]).toEqual([503, 503])
    expect(await shed('caller_requests')).toBe(2)
    const second = [ask(1), ask(1)]
    await expect.poll(() => held.length).toBe(6)
    // A third for each of two callers, and the rest for others.
    expect(await ask(1)).toBe(503)
    release()
    expect(await Promise.all([...first, ...second])).toEqual(Array(6).fill(200))
    expect(await ask(0)).toBe(200)
    expect(await shed('requests')).toBe(0)
  })

  it('holds no more places than configured', async () => {
    const { held, ask, release, shed } = await heldGateway('--max-requests-per-caller=1')
    const waiting = ask(0)
    await expect.poll(() => held.length).toBe(1)
    expect(await ask(0)).toBe(503)
    expect(await shed('caller_requests')).toBe(1)
    const other = ask(1)
    await expect.poll(() => held.length).toBe(2)
    release()
    expect(await Promise.all([waiting, other])).toEqual([200, 200])
  })

  it('holds at most half of the memory, and the other caller is served', async () => {
    const large = 'x'.repeat(31_000)
    const { held, ask, release, shed, bytes } = await heldGateway(
      ...['--max-body=64KiB', '--max-bytes-in-flight=256KiB'],
    )
    const first = [ask(0, large)]
    await expect.poll(() => held.length).toBe(1)
    // What counts while the model works is the plaintext.
    expect(await bytes()).toBeGreaterThan(31_000)
    expect(await bytes()).toBeLessThan(33_000)
    first.push(ask(0, large))
    await expect.poll(() => held.length).toBe(2)
    expect(await ask(0, large)).toBe(503)
    expect(await shed('caller_bytes')).toBe(1)
    const other = ask(1, large)
    await expect.poll(() => held.length).toBe(3)
    release()
    expect(await Promise.all([...first, other])).toEqual([200, 200, 200])
    await expect.poll(bytes).toBe(0)
    expect(await ask(0, large)).toBe(200)
  })
})

describe('the memory of requests', () => {
  it('counts a body of unknown size as the largest', async () => {
    const { gateway, bytes } = await heldGateway('--max-body=64KiB', '--max-bytes-in-flight=256KiB')
    const head = `${clientLines()}authorization: Bearer ${KEYS[0]}\r\ntransfer-encoding: chunked`
    const lines = `POST ${COMPLETIONS} HTTP/1.1\r\nhost: x\r\n${head}\r\n\r\n5\r\n{"a":\r\n`
    const socket = connect(gateway.port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.on('error', () => undefined).write(lines)
    await expect.poll(bytes).toBe(64 * 1024 * 1.75)
    socket.destroy()
    await expect.poll(bytes).toBe(0)
  })

  it('is free again after refusals of every kind', async () => {
    const { gateway, bytes, ask } = await heldGateway()
    const authorization = `Bearer ${KEYS[0]}`
    const answers = [
      post(gateway, 'no envelope', { authorization }),
      post(gateway, await seal({ model: 1 }), { authorization }),
      post(gateway, await seal(), { authorization, 'x-payload-id': undefined }),
      post(gateway, await seal(), { authorization, 'content-type': 'application/json' }),
      post(gateway, new Uint8Array(17 * 1024 * 1024), { authorization }).catch(() => undefined),
    ]
    await Promise.all(answers)
    const caller = new AbortController()
    const abandoned = ask(0, 'x', caller.signal)
    await expect.poll(bytes).toBeGreaterThan(0)
    caller.abort()
    await expect(abandoned).rejects.toThrow()
    await expect.poll(bytes).toBe(0)
  })

  it('is counted until the work of a caller that hung up has ended', async () => {
    let finish = (): void => undefined
    const engine: Engine = {
      complete: () =>
        new Promise((_resolve, reject) => {
          finish = () => reject(new Error('finished'))
        }),
      forward: () => Promise.reject(new Error('unused')),
      models: () => Promise.resolve([]),
      close: () => Promise.resolve(),
    }
    const { server, url, metrics } = await listenInProcess({ engine })
    onTestFinished(() => server.close())
    const bytes = async (): Promise<number> => {
      const [found] = (await metrics.registry.getSingleMetric('nomyo_bytes_in_flight')!.get())
        .values
      return found!.value
    }
    const caller = new AbortController()
    const abandoned = send({ url }, chat('x'), {}, caller.signal)
    const started = finish
    await expect.poll(() => finish !== started).toBe(true)
    caller.abort()
    await expect(abandoned).rejects.toThrow()
    await expect.poll(() => connectionsOf(server.server)).toBe(0)
    expect(await bytes()).toBeGreaterThan(0)
    finish()
    await expect.poll(bytes).toBe(0)
  })

  it('covers answers: one that no longer fits is refused, and others are not', async () => {
    const { upstream, ask, shed, bytes } = await heldGateway(
      ...['--max-body=64KiB', '--max-bytes-in-flight=256KiB'],
    )
    const answerOf = (size: number): string => ANSWER.replace('Hi', 'x'.repeat(size))
    upstream.answer = (response) => response.end(answerOf(200_000))
    expect(await ask(0)).toBe(503)
    expect(await shed('caller_bytes')).toBe(1)
    upstream.answer = (response) => response.end(answerOf(20_000))
    expect(await ask(0)).toBe(200)
    await expect.poll(bytes).toBe(0)
  })
})

describe('the body of a caller that disconnects', () => {
  it.each(['before it is read', 'while it is read'])('ends its request: %s', async (moment) => {
    const server = createServer()
    const port = await listenOnLoopback(server)
    onTestFinished(() => void server.close())
    const socket = connect(port, '127.0.0.1')
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nbegin')
    const [request] = (await once(server, 'request')) as [IncomingMessage]
    request.on('error', () => undefined)
    const disconnect = async (): Promise<void> => {
      const closed = new Promise((resolve) => request.socket.once('close', resolve))
      socket.resetAndDestroy()
      await closed
    }
    if (moment === 'before it is read') await disconnect()
    const reading = readBody(request, 100)
    const refused = expect(reading).rejects.toMatchObject({ statusCode: 400 })
    if (moment === 'while it is read') await disconnect()
    await refused
  })
})

describe('JSON with more values than allowed', () => {
  it('is refused, and as many are served', async () => {
    const gateway = await testGateway({ args: ['--engine', 'demo', '--max-json-values=100'] })
    const ask = async (values: number): Promise<number> =>
      (await send(gateway, chat('x', { x: Array(values).fill({}) }))).status
    // The request itself, model, messages, message, role, content and x.
    expect([await ask(93), await ask(94)]).toEqual([200, 400])
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
