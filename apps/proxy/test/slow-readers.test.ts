import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import { createLog } from '../src/log.js'
import { readOptions } from '../src/options/options.js'
import { createServer } from '../src/server.js'
import { openUpstream } from '../src/upstream.js'
import {
  API_KEY,
  caller,
  complete,
  completion,
  hello,
  refusalCode,
  towards,
  useGateway,
  useModelServer,
} from './support.js'

const TIMEOUT_MS = 2000
const gateway = useGateway()
const model = useModelServer()
const slowGateway = useGateway(() => ['--upstream', model.url])

/** A server with one place, for callers that take their answers in time. */
async function listening(gateway: string): Promise<{ server: FastifyInstance; url: string }> {
  const command = readOptions([...towards(gateway), '--no-token'], {}, false)
  if (command.kind !== 'start') throw new Error('no start')
  const log = createLog('silent')
  const upstream = await openUpstream(command.config, API_KEY, log)
  const server = createServer(
    {
      upstream,
      gateway,
      checkToken: () => undefined,
      isOwnName: () => true,
      allowedOrigins: [],
      maxConcurrency: 1,
      log,
    },
    TIMEOUT_MS,
  )
  onTestFinished(async () => {
    await server.close()
    await upstream.close()
  })
  return { server, url: await server.listen({ host: '127.0.0.1', port: 0 }) }
}

/** The text of a request for a completion. */
function post(body: string): string {
  const headers = Object.entries({ host: 'localhost', ...caller() })
  return (
    'POST /v1/chat/completions HTTP/1.1\r\n' +
    headers.map(([name, value]) => `${name}: ${value}\r\n`).join('') +
    `content-length: ${body.length}\r\n\r\n${body}`
  )
}

it('a caller that does not take its answer loses the connection, and its place', async () => {
  const { server, url } = await listening(gateway())
  const { port } = server.server.address() as AddressInfo
  const [slow, [socket]] = [
    connect(port, '127.0.0.1').pause(),
    await once(server.server, 'connection'),
  ]
  const body = hello({ messages: [{ role: 'user', content: 'x'.repeat(9.9 * 2 ** 20) }] })
  slow.write(post(body))
  await expect.poll(() => socket.bytesWritten, { timeout: 20_000 }).toBeGreaterThan(0)
  expect(refusalCode(await complete({ url }), 429)).toBe('ERR_TOO_MANY_REQUESTS')
  await once(socket, 'close')
  expect((await complete({ url })).status).toBe(200)
  slow.destroy()
})

it('an answer that waits for its turn has all the time of those before it', async () => {
  const { server } = await listening(slowGateway())
  const { port } = server.server.address() as AddressInfo
  model.answer = (response) => {
    setTimeout(() => response.end(completion({ content: 'at last' })), 2 * TIMEOUT_MS)
  }
  const socket = connect(port, '127.0.0.1')
  let answers = ''
  socket.setEncoding('utf8').on('data', (text: string) => (answers += text))
  socket.write(`${post(hello())}GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  await expect.poll(() => answers.match(/HTTP\/1.1 200/g), { timeout: 20_000 }).toHaveLength(2)
  socket.destroy()
})
