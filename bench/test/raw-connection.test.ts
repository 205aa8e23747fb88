import { createServer, type Socket } from 'node:net'
import { listenOnLoopback } from '@nomyo-internal/testing/network'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { RawConnection } from '../src/gateway/raw-connection.js'

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'

let answer: (socket: Socket) => void
const server = createServer((socket) => {
  socket.on('data', () => answer(socket))
  socket.on('error', () => undefined)
})
let connection: RawConnection
beforeEach(async () => {
  connection = await RawConnection.open(`http://127.0.0.1:${await listenOnLoopback(server)}`)
})
afterEach(() => {
  connection.close()
  server.close()
})

it('reads one answer after the other', async () => {
  answer = (socket) => socket.write(ANSWER)
  for (let call = 0; call < 3; call++) {
    const { status, body } = await connection.send(Buffer.from('?'))
    expect([status, body.toString()]).toEqual([200, 'hello'])
  }
})

it('waits for the whole answer, wherever it is cut', async () => {
  answer = (socket) => {
    for (const [delayMs, byte] of Buffer.from(ANSWER).entries())
      setTimeout(() => socket.write(Buffer.of(byte)), delayMs)
  }
  expect((await connection.send(Buffer.from('?'))).body.toString()).toBe('hello')
})

it('joins chunks, wherever they are cut', async () => {
  const chunked =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n'
  answer = (socket) => {
    for (const [delayMs, byte] of Buffer.from(chunked).entries())
      setTimeout(() => socket.write(Buffer.of(byte)), delayMs)
  }
  expect((await connection.send(Buffer.from('?'))).body.toString()).toBe('hello')
})

it('tells refusals from successes', async () => {
  answer = (socket) => socket.write(ANSWER.replace('200 OK', '503 Busy'))
  expect((await connection.send(Buffer.from('?'))).status).toBe(503)
})

it('ends where the other side does', async () => {
  answer = (socket) => socket.destroy()
  await expect(connection.send(Buffer.from('?'))).rejects.toThrow()
})
