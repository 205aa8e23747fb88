import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { waitingCaller } from '../src/http/disconnect-signal.js'
import { whenOver } from '../src/http/on-response-closed.js'

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Who was told, in order. */
  readonly told: string[]
  /** How many listeners both took on the connection. */
  readonly listeners: number
}

/** A connection to a server of its own, and what came by it; two ask for the end of each. */
async function connection(): Promise<{ exchanges: Exchange[]; socket: Socket }> {
  const exchanges: Exchange[] = []
  const server = createServer((request, response) => {
    const told: string[] = []
    const before = request.socket.listenerCount('close')
    for (const who of ['first', 'second']) whenOver(request, response, () => told.push(who))
    const listeners = request.socket.listenerCount('close') - before
    exchanges.push({ request, response, told, listeners })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => {
    socket.destroy()
    server.close()
  })
  return { exchanges, socket }
}

/** The exchange that comes next by a connection. */
async function nextExchange(exchanges: readonly Exchange[], socket: Socket): Promise<Exchange> {
  const at = exchanges.length
  socket.write(GET)
  await expect.poll(() => exchanges.length).toBe(at + 1)
  const exchange = exchanges[at]
  if (exchange === undefined) throw new Error('no request came')
  return exchange
}

const BOTH = ['first', 'second']

describe('everybody who asks for the end of a request', () => {
  it('is told once, in the order of asking, and leaves nothing on the connection', async () => {
    const { exchanges, socket } = await connection()
    const after: number[] = []
    for (let turn = 0; turn < 3; turn++) {
      const { request, response, told, listeners } = await nextExchange(exchanges, socket)
      expect({ told, listeners }).toEqual({ told: [], listeners: 1 })
      response.end()
      await expect.poll(() => told).toEqual(BOTH)
      after.push(request.socket.listenerCount('close'))
    }
    expect(new Set(after).size).toBe(1)
    const serverSocket = exchanges[0]?.request.socket
    socket.destroy()
    if (serverSocket?.closed === false) await once(serverSocket, 'close')
    expect(exchanges.map(({ told }) => told)).toEqual([BOTH, BOTH, BOTH])
  })

  it('is told once for each of many that wait for their turn when the connection goes', async () => {
    const { exchanges, socket } = await connection()
    const warnings: Error[] = []
    const warn = (warning: Error): void => void warnings.push(warning)
    process.on('warning', warn)
    onTestFinished(() => void process.off('warning', warn))
    socket.write(GET.repeat(20))
    await expect.poll(() => exchanges.length).toBe(20)
    socket.destroy()
    await expect.poll(() => exchanges.every(({ told }) => told.length > 0)).toBe(true)
    expect(exchanges.map(({ told }) => told)).toEqual(exchanges.map(() => BOTH))
    expect(warnings).toEqual([])
  })

  it('is told at once where it is over already, also by somebody who is being told', async () => {
    const { exchanges, socket } = await connection()
    const { request, response, told } = await nextExchange(exchanges, socket)
    whenOver(request, response, () => {
      whenOver(request, response, () => told.push('within'))
      told.push('third')
    })
    response.end()
    await expect.poll(() => told).toEqual([...BOTH, 'within', 'third'])
    whenOver(request, response, () => told.push('late'))
    expect(told.at(-1)).toBe('late')
  })
})

describe('a waiting caller', () => {
  it('has not gone when its answer was written', async () => {
    const { exchanges, socket } = await connection()
    const { request, response, told } = await nextExchange(exchanges, socket)
    const caller = waitingCaller(request, response)
    let gone = 0
    caller.whenGone(() => gone++)
    expect(caller.hasGone()).toBe(false)
    response.end()
    await expect.poll(() => told).toEqual(BOTH)
    caller.whenGone(() => gone++)
    expect({ gone, hasGone: caller.hasGone() }).toEqual({ gone: 0, hasGone: false })
  })

  it('has gone when it hangs up before, told once and at once later on', async () => {
    const { exchanges, socket } = await connection()
    const { request, response } = await nextExchange(exchanges, socket)
    const caller = waitingCaller(request, response)
    let gone = 0
    caller.whenGone(() => gone++)
    socket.destroy()
    await expect.poll(() => gone).toBe(1)
    expect(caller.hasGone()).toBe(true)
    caller.whenGone(() => gone++)
    expect(gone).toBe(2)
  })
})
