import { fastify } from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import { logRequests, type RequestRecord } from '../src/index.js'
import { connectTo } from './connect.js'

it('every request is logged once: answered, without a route, and without a caller', async () => {
  const server = fastify()
  const records: RequestRecord[] = []
  logRequests(server, (record) => records.push(record))
  server.get('/answer/:name', () => 'hello')
  server.get('/wait', () => new Promise(() => undefined))
  await server.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => server.close())
  const { socket } = await connectTo(server.server)
  for (const path of ['/answer/secret', '/secret', '/wait']) {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
  }
  await expect.poll(() => records).toHaveLength(2)
  socket.destroy()
  await expect.poll(() => records).toHaveLength(3)
  const common = { method: 'GET', address: '127.0.0.1', durationMs: expect.any(Number) }
  expect(records).toEqual([
    { ...common, route: '/answer/:name', status: 200 },
    { ...common, route: null, status: 404 },
    { ...common, route: '/wait', status: null },
  ])
})
