import { once } from 'node:events'
import { fastify, type FastifyInstance } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { refuseExpectations, refuseMalformedRequests, refuseUnknownRoutes } from '../src/index.js'
import { connectTo } from './connect.js'

async function startServer(): Promise<FastifyInstance> {
  const server = fastify({
    routerOptions: { maxParamLength: 10 },
    http: { headersTimeout: 200, connectionsCheckingInterval: 50 },
    clientErrorHandler: refuseMalformedRequests((refusal) => refusal),
  }) as unknown as FastifyInstance
  refuseExpectations(server, (refusal) => refusal)
  refuseUnknownRoutes(server, (allowed, paths) =>
    Object.assign(new Error([...paths].join(' ')), {
      statusCode: allowed === undefined ? 404 : 405,
    }),
  )
  server.get('/one', () => 'one')
  server.post('/two', () => 'two')
  await server.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => server.close())
  return server
}

describe('a request outside the routes', () => {
  it.each([
    ['GET', '/one', 200, undefined],
    ['POST', '/one?query', 405, 'GET'],
    ['GET', '/two', 405, 'POST'],
    ['GET', '/three', 404, undefined],
    ['GET', '/*', 404, undefined],
    ['GET', '/:one', 404, undefined],
  ])('%s %s has status %i', async (method, path, status, allow) => {
    const server = await startServer()
    const { socket, received } = await connectTo(server.server)
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n`)
    if (status === 200) socket.write('{"a":"b"}')
    await expect.poll(received).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    if (allow !== undefined) expect(received()).toContain(`allow: ${allow}\r\n`)
    if (status === 404) expect(received()).toContain('"/one /two"')
  })
})

const EXPECTING = 'POST /two HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nContent-Length: 9\r\n\r\n'

describe('a request with Expect', () => {
  it('is refused, and its connection closes though the caller keeps its side', async () => {
    const server = await startServer()
    const arrived = once(server.server, 'connection')
    const { socket, received } = await connectTo(server.server, true)
    const [serverSocket] = await arrived
    socket.write(EXPECTING)
    await once(serverSocket, 'close')
    await expect.poll(received).toMatch(/^HTTP\/1\.1 417 [^]*"detail":"Expect is not supported"/)
    expect(socket.destroyed).toBe(false)
  })

  it('does not keep the connection of a caller that reads no refusal', async () => {
    const server = await startServer()
    const arrived = once(server.server, 'connection')
    const { socket } = await connectTo(server.server, true)
    const [serverSocket] = await arrived
    // As many refusals as fill every buffer between the two.
    socket.pause()
    socket.write(EXPECTING.replace('Content-Length: 9', 'Content-Length: 0').repeat(100_000))
    await once(serverSocket, 'close')
  })
})

describe('malformed HTTP', () => {
  it.each([
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['headers without an end', `GET /one HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(99_999)}`, 431],
    ['a request that never ends', 'GET /one HTTP/1.1\r\n', 408],
  ])(
    '%s is answered, and its connection closes though the caller keeps its side',
    async (_, text, status) => {
      const server = await startServer()
      const arrived = once(server.server, 'connection')
      const { socket, received } = await connectTo(server.server, true)
      const [serverSocket] = await arrived
      socket.write(text)
      await once(serverSocket, 'close')
      await expect.poll(received).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      const body = JSON.parse(received().split('\r\n\r\n')[1] ?? '') as object
      expect(body).toEqual({ statusCode: status, detail: expect.stringMatching(/^The request/) })
      expect(socket.destroyed).toBe(false)
    },
  )

  it('is not answered where the error is of another kind', async () => {
    const server = await startServer()
    const arrived = once(server.server, 'connection')
    const { socket, received } = await connectTo(server.server)
    const [serverSocket] = await arrived
    serverSocket.destroy(new Error('reset'))
    await once(socket, 'close')
    expect(received()).toBe('')
  })
})
