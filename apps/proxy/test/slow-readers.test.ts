import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { createLog } from '../src/log.js'
import { readOptions } from '../src/options/options.js'
import { createServer } from '../src/server.js'
import { openUpstream } from '../src/upstream.js'
import { API_KEY, caller, complete, hello, refusalCode, towards, useGateway } from './support.js'

const gateway = useGateway()

it('a caller that does not take its answer loses the connection, and its place', async () => {
  const command = readOptions([...towards(gateway()), '--no-token'], {}, false)
  if (command.kind !== 'start') throw new Error('no start')
  const log = createLog('silent')
  const upstream = await openUpstream(command.config, API_KEY, log)
  const server = createServer(
    {
      upstream,
      gateway: gateway(),
      checkToken: () => undefined,
      isOwnName: () => true,
      allowedOrigins: [],
      maxConcurrency: 1,
      log,
    },
    2000,
  )
  onTestFinished(async () => {
    await server.close()
    await upstream.close()
  })
  const url = await server.listen({ host: '127.0.0.1', port: 0 })

  const { port } = server.server.address() as AddressInfo
  const [slow, [socket]] = [
    connect(port, '127.0.0.1').pause(),
    await once(server.server, 'connection'),
  ]
  const body = hello({ messages: [{ role: 'user', content: 'x'.repeat(9.9 * 2 ** 20) }] })
  const headers = Object.entries({ host: 'localhost', ...caller() })
  slow.write(
    'POST /v1/chat/completions HTTP/1.1\r\n' +
      headers.map(([name, value]) => `${name}: ${value}\r\n`).join('') +
      `content-length: ${body.length}\r\n\r\n${body}`,
  )
  await expect.poll(() => socket.bytesWritten, { timeout: 20_000 }).toBeGreaterThan(0)
  expect(refusalCode(await complete({ url }), 429)).toBe('ERR_TOO_MANY_REQUESTS')
  await once(socket, 'close')
  expect((await complete({ url })).status).toBe(200)
  slow.destroy()
})
