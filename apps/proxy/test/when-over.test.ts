import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { whenOver } from '../src/when-over.js'

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  over: number
}

/** A connection to a server of its own, and what came by it. */
async function connection(): Promise<{ exchanges: Exchange[]; socket: Socket }> {
  const exchanges: Exchange[] = []
  const server = createServer((request, response) => {
    const exchange = { request, response, over: 0 }
    exchanges.push(exchange)
    whenOver(request, response, () => exchange.over++)
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

it('comes once an answer is written, and leaves nothing on the connection', async () => {
  const { exchanges, socket } = await connection()
  const counts: number[] = []
  for (const number of [0, 1, 2]) {
    socket.write(GET)
    await expect.poll(() => exchanges.length).toBe(number + 1)
    const exchange = exchanges[number]
    expect(exchange?.over).toBe(0)
    exchange?.response.end()
    await expect.poll(() => exchange?.over).toBe(1)
    counts.push(exchange?.request.socket.listenerCount('close') ?? -1)
  }
  expect(new Set(counts).size).toBe(1)
  socket.destroy()
  await once(exchanges[0]?.request.socket ?? socket, 'close')
  expect(exchanges.map(({ over }) => over)).toEqual([1, 1, 1])
})

it('comes once for each of many that wait for their turn when the connection goes', async () => {
  const { exchanges, socket } = await connection()
  const warnings: Error[] = []
  const warn = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warn)
  onTestFinished(() => void process.off('warning', warn))
  socket.write(GET.repeat(20))
  await expect.poll(() => exchanges.length).toBe(20)
  socket.destroy()
  await expect.poll(() => exchanges.every(({ over }) => over === 1)).toBe(true)
  expect(warnings).toEqual([])
})

it('comes at once where all is over already', async () => {
  const { exchanges, socket } = await connection()
  socket.write(GET.repeat(2))
  await expect.poll(() => exchanges.length).toBe(2)
  exchanges[0]?.response.end()
  await expect.poll(() => exchanges[0]?.over).toBe(1)
  const now = ({ request, response }: Exchange): boolean => {
    let done = false
    whenOver(request, response, () => (done = true))
    return done
  }
  expect(exchanges.map(now)).toEqual([true, false])
  socket.destroy()
  await expect.poll(() => exchanges[1]?.over).toBe(1)
  expect(exchanges.map(now)).toEqual([true, true])
})
