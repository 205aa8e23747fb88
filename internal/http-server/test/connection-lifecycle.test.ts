import { once } from 'node:events'
import type { Socket } from 'node:net'
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  closeConnectionsOnShutdown,
  closeSlowReaders,
  closeWithin,
  limitPipelining,
} from '../src/index.js'
import { GET, connectTo } from './connect.js'

const TIMEOUT_MS = 5000

/** A server whose responses wait for the test. */
interface HeldServer {
  readonly server: FastifyInstance
  /** Sends the response to each request that arrived, in order. */
  readonly respond: ((body: string | Buffer) => void)[]
  /** Number of connections that were closed because their caller reads slowly. */
  readonly slow: () => number
}

async function startServer(): Promise<HeldServer> {
  const server = fastify({ forceCloseConnections: 'idle' })
  const respond: HeldServer['respond'] = []
  closeConnectionsOnShutdown(server)
  let slow = 0
  closeSlowReaders(server, { timeoutMs: () => TIMEOUT_MS, onClosed: () => slow++ })
  server.get('/', () => new Promise((resolve) => respond.push(resolve)))
  await server.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => server.close())
  return { server, respond, slow: () => slow }
}

describe('a shutdown', () => {
  it('closes idle connections at once and busy ones after their responses', async () => {
    const { server, respond } = await startServer()
    const idle = await connectTo(server.server)
    const busy = await connectTo(server.server)
    busy.socket.write(GET.repeat(2))
    await expect.poll(() => respond).toHaveLength(2)
    const closed = server.close()
    await once(idle.socket, 'close')
    respond[0]!('first')
    await expect.poll(busy.received).toContain('first')
    respond[1]!('last')
    await closed
    await expect.poll(() => busy.socket.closed).toBe(true)
    expect(busy.received()).toContain('last')
  })

  it('does not wait for a caller that keeps its side open after the last response', async () => {
    const { server, respond } = await startServer()
    const arrived = once(server.server, 'connection') as Promise<[Socket]>
    const busy = await connectTo(server.server, true)
    const [serverSocket] = await arrived
    busy.socket.write(GET)
    await expect.poll(() => respond).toHaveLength(1)
    const closed = server.close()
    respond[0]!('last')
    await closed
    expect(serverSocket.destroyed).toBe(true)
    await expect.poll(busy.received).toContain('last')
    expect(busy.socket.destroyed).toBe(false)
  })

  it('closes connections of requests in flight after the time for them', async () => {
    const { server, respond } = await startServer()
    const [quick, slow] = [await connectTo(server.server), await connectTo(server.server, true)]
    for (const { socket } of [quick, slow]) socket.write(GET)
    await expect.poll(() => respond).toHaveLength(2)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const closed = closeWithin(server, TIMEOUT_MS)
    vi.advanceTimersByTime(TIMEOUT_MS - 1)
    respond[0]!('in time')
    await expect.poll(quick.received).toContain('in time')
    vi.advanceTimersByTime(1)
    await closed
    expect(slow.received()).toBe('')
  })

  it('does not wait for requests whose caller disconnects', async () => {
    const { server, respond } = await startServer()
    const { socket } = await connectTo(server.server)
    socket.write(GET.repeat(2))
    await expect.poll(() => respond).toHaveLength(2)
    const closed = server.close()
    socket.destroy()
    await closed
  })
})

describe('a slow reader', () => {
  const useFakeTimers = (): unknown => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  afterEach(() => void vi.useRealTimers())

  it('loses its connection after the timeout, and is reported', async () => {
    const { server, respond, slow } = await startServer()
    const arrived = once(server.server, 'connection') as Promise<[Socket]>
    const { socket } = await connectTo(server.server)
    const [serverSocket] = await arrived
    socket.pause().write(GET)
    await expect.poll(() => respond).toHaveLength(1)
    useFakeTimers()
    respond[0]!(Buffer.alloc(32 * 2 ** 20))
    await expect.poll(() => serverSocket.bytesWritten).toBeGreaterThan(0)
    vi.advanceTimersByTime(TIMEOUT_MS - 1)
    expect([serverSocket.destroyed, slow()]).toEqual([false, 0])
    vi.advanceTimersByTime(1)
    expect([serverSocket.destroyed, slow()]).toEqual([true, 1])
  })

  it('loses it too where no hook sees the response', async () => {
    const server = fastify({
      frameworkErrors: (_error, _request, reply: FastifyReply) => {
        reply.raw.end(Buffer.alloc(32 * 2 ** 20))
      },
    }) as unknown as FastifyInstance
    closeSlowReaders(server, { timeoutMs: () => TIMEOUT_MS })
    server.get('/', () => '')
    await server.listen({ host: '127.0.0.1', port: 0 })
    onTestFinished(() => server.close())
    const arrived = once(server.server, 'connection') as Promise<[Socket]>
    const { socket } = await connectTo(server.server)
    const [serverSocket] = await arrived
    useFakeTimers()
    socket.pause().write(GET.replace('/', '/%'))
    await expect.poll(() => serverSocket.bytesWritten).toBeGreaterThan(0)
    vi.advanceTimersByTime(TIMEOUT_MS)
    expect(serverSocket.destroyed).toBe(true)
  })

  it('is not one whose response waits behind others on its connection', async () => {
    const { server, respond } = await startServer()
    const { socket, received } = await connectTo(server.server)
    socket.write(GET.repeat(2))
    await expect.poll(() => respond).toHaveLength(2)
    useFakeTimers()
    respond[1]!('second')
    vi.advanceTimersByTime(10 * TIMEOUT_MS)
    respond[0]!('first')
    await expect.poll(received).toMatch(/first[^]*second/)
    vi.advanceTimersByTime(10 * TIMEOUT_MS)
    expect(socket.destroyed).toBe(false)
  })
})

describe('requests on one connection', () => {
  const MAX = 4

  async function startLimited() {
    const server = fastify()
    const held: (() => void)[] = []
    let arrived = 0
    let closed = 0
    server.get('/', () => {
      arrived++
      return new Promise((resolve) => held.push(() => resolve('answer')))
    })
    server.server.on('checkExpectation', (_request, response) => {
      arrived++
      held.push(() => response.writeHead(417).end())
    })
    limitPipelining(server.server, { max: MAX, onClosed: () => closed++ })
    await server.listen({ host: '127.0.0.1', port: 0 })
    onTestFinished(() => server.close())
    return { server, held, arrived: () => arrived, closed: () => closed }
  }

  it('are answered up to the limit, again and again', async () => {
    const { server, held, closed } = await startLimited()
    const { socket, received } = await connectTo(server.server)
    for (let round = 1; round <= 3; round++) {
      socket.write(GET.repeat(MAX))
      await expect.poll(() => held).toHaveLength(MAX)
      for (const answer of held.splice(0)) answer()
      await expect.poll(() => received().match(/answer/g)).toHaveLength(round * MAX)
    }
    expect([closed(), socket.destroyed]).toEqual([0, false])
  })

  it.each([
    ['', GET],
    [' with Expect', GET.replace('\r\n', '\r\nExpect: nothing\r\n')],
  ])('beyond it%s are not handled, and end this connection alone', async (_name, request) => {
    const { server, held, arrived, closed } = await startLimited()
    const [flood, other] = [await connectTo(server.server), await connectTo(server.server)]
    other.socket.write(GET)
    await expect.poll(() => held).toHaveLength(1)
    flood.socket.write(request.repeat(1000))
    await once(flood.socket, 'close')
    expect([arrived(), closed()]).toEqual([1 + MAX, 1])
    held[0]!()
    await expect.poll(other.received).toContain('answer')
  })
})
