import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { disconnectSignal, isDisconnected, onResponseClosed } from '../src/index.js'
import { GET, connectTo } from './connect.js'

interface Received {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Names of the listeners called, in order. */
  readonly called: string[]
  /** Event listeners that both of them added to the connection. */
  readonly eventListeners: number
}

/** Opens a connection to a new server that adds two listeners to each response. */
async function connection(): Promise<{ requests: Received[]; socket: Socket }> {
  const requests: Received[] = []
  const server = createServer((request, response) => {
    const called: string[] = []
    const before = request.socket.listenerCount('close')
    for (const name of BOTH) onResponseClosed(response, () => called.push(name))
    const eventListeners = request.socket.listenerCount('close') - before
    requests.push({ request, response, called, eventListeners })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { socket } = await connectTo(server)
  return { requests, socket }
}

/** Sends requests at once; returns the first of them when all have arrived. */
async function send(requests: Received[], socket: Socket, count = 1): Promise<Received> {
  const at = requests.length
  socket.write(GET.repeat(count))
  await expect.poll(() => requests.length).toBe(at + count)
  return requests[at]!
}

const BOTH = ['first', 'second']

describe('listeners for the end of a response', () => {
  it('are called once, in order, and leave nothing on the connection', async () => {
    const { requests, socket } = await connection()
    const after: number[] = []
    for (let turn = 0; turn < 3; turn++) {
      const { request, response, called, eventListeners } = await send(requests, socket)
      expect({ called, eventListeners }).toEqual({ called: [], eventListeners: 1 })
      response.end()
      await expect.poll(() => called).toEqual(BOTH)
      after.push(request.socket.listenerCount('close'))
    }
    expect(new Set(after).size).toBe(1)
    const serverSocket = requests[0]!.request.socket
    socket.destroy()
    if (!serverSocket.closed) await once(serverSocket, 'close')
    expect(requests.map(({ called }) => called)).toEqual([BOTH, BOTH, BOTH])
  })

  it('are called once for each pipelined response when the connection closes', async () => {
    const { requests, socket } = await connection()
    const warnings: Error[] = []
    const warn = (warning: Error): void => void warnings.push(warning)
    process.on('warning', warn)
    onTestFinished(() => void process.off('warning', warn))
    await send(requests, socket, 20)
    socket.destroy()
    await expect.poll(() => requests.every(({ called }) => called.length > 0)).toBe(true)
    expect(requests.map(({ called }) => called)).toEqual(requests.map(() => BOTH))
    expect(warnings).toEqual([])
  })

  it('are called at once after the end, also when added by another listener', async () => {
    const { requests, socket } = await connection()
    const { response, called } = await send(requests, socket, 2)
    onResponseClosed(response, () => {
      onResponseClosed(response, () => called.push('within'))
      called.push('third')
    })
    response.end()
    await expect.poll(() => called).toEqual([...BOTH, 'within', 'third'])
    const closed = ({ response }: Received): boolean => {
      let isClosed = false
      onResponseClosed(response, () => (isClosed = true))
      return isClosed
    }
    expect(requests.map(closed)).toEqual([true, false])
    socket.destroy()
    await expect.poll(() => requests[1]?.called).toEqual(BOTH)
    expect(requests.map(closed)).toEqual([true, true])
  })
})

describe('the signal of a disconnected caller', () => {
  it('does not abort when the response is written', async () => {
    const { requests, socket } = await connection()
    const { response, called } = await send(requests, socket)
    const signal = disconnectSignal(response)
    expect(isDisconnected(response)).toBe(false)
    response.end()
    await expect.poll(() => called).toEqual(BOTH)
    expect({ aborted: signal.aborted, isDisconnected: isDisconnected(response) }).toEqual({
      aborted: false,
      isDisconnected: false,
    })
    expect(disconnectSignal(response).aborted).toBe(false)
  })

  it('aborts when the connection closes before, also for a later reader', async () => {
    const { requests, socket } = await connection()
    const { response } = await send(requests, socket, 2)
    const signal = disconnectSignal(response)
    socket.destroy()
    await once(signal, 'abort')
    expect(isDisconnected(response)).toBe(true)
    await expect.poll(() => requests[1]?.called).toEqual(BOTH)
    expect(requests.map(({ response }) => disconnectSignal(response).aborted)).toEqual([true, true])
  })
})
