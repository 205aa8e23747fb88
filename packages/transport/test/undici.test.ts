import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent } from 'undici'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { startDeadline } from '../src/deadline.js'
import { parseBaseUrl } from '../src/endpoint.js'
import { createHttpTransport } from '../src/http-transport.js'
import type { TransportResponse } from '../src/transport.js'
import { createUndiciFetch, type UndiciFetchOptions } from '../src/undici/index.js'

const hasOpenssl = spawnSync('openssl', ['version']).status === 0

afterEach(() => {
  vi.unstubAllEnvs()
})

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const hello: RequestListener = (_request, response) => void response.end('hello')

/** Asks for one path, as the client does. */
async function get(
  baseUrl: string,
  options: UndiciFetchOptions = {},
  fetched = createUndiciFetch(options),
): Promise<TransportResponse> {
  onTestFinished(() => fetched.close())
  const transport = createHttpTransport({ baseUrl: parseBaseUrl(baseUrl), fetch: fetched.fetch })
  const deadline = startDeadline(5000)
  try {
    const { signal } = deadline
    return await transport.send({
      method: 'GET',
      path: '/',
      headers: {},
      maxResponseBytes: 100,
      signal,
    })
  } finally {
    deadline.clear()
  }
}

const textOf = ({ body }: TransportResponse): string => new TextDecoder().decode(body)

describe('createUndiciFetch', () => {
  it('keeps connections alive between requests', async () => {
    const server = createServer(hello)
    let connections = 0
    server.on('connection', () => connections++)
    const url = `http://127.0.0.1:${await listen(server)}`
    const fetched = createUndiciFetch()
    for (let call = 0; call < 10; call++) expect(textOf(await get(url, {}, fetched))).toBe('hello')
    // A second one when a request starts before the first connection is idle again, never one a call.
    expect(connections).toBeLessThanOrEqual(2)
  })

  it('goes through the proxy of the environment, but for the hosts that are excepted', async () => {
    const target = createServer(hello)
    const targetPort = await listen(target)
    const tunnels: string[] = []
    const proxy = createServer()
    proxy.on('connect', (request, client: Socket) => {
      tunnels.push(request.url ?? '')
      const upstream = connect(targetPort, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n')
        client.pipe(upstream).pipe(client)
      })
      client.on('error', () => undefined)
      upstream.on('error', () => undefined)
    })
    vi.stubEnv('http_proxy', `http://127.0.0.1:${await listen(proxy)}`)
    vi.stubEnv('no_proxy', 'localhost')
    // A name only the proxy can resolve.
    expect(textOf(await get('http://gateway.invalid'))).toBe('hello')
    expect(tunnels).toEqual(['gateway.invalid:80'])
    expect(textOf(await get(`http://localhost:${targetPort}`))).toBe('hello')
    expect(tunnels).toHaveLength(1)
  })

  it('uses a dispatcher that is given, and leaves closing it to its owner', async () => {
    const url = `http://127.0.0.1:${await listen(createServer(hello))}`
    const dispatcher = new Agent()
    onTestFinished(() => dispatcher.close())
    const dispatched = vi.spyOn(dispatcher, 'dispatch')
    const fetched = createUndiciFetch({ dispatcher })
    expect(textOf(await get(url, {}, fetched))).toBe('hello')
    expect(dispatched).toHaveBeenCalledTimes(1)
    await fetched.close()
    expect(dispatcher.closed).toBe(false)
  })

  it('has no limit on waiting but the deadline', async () => {
    const server = createServer((_request, response) => {
      setTimeout(() => response.end('late'), 400)
    })
    const url = `http://127.0.0.1:${await listen(server)}`
    expect(textOf(await get(url))).toBe('late')
  })

  it.skipIf(!hasOpenssl)(
    'trusts the certificate authorities it is given, and no others',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'nomyo-tls-'))
      onTestFinished(() => rm(folder, { recursive: true }))
      const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
      execFileSync(
        'openssl',
        [
          'req',
          '-x509',
          '-newkey',
          'rsa:2048',
          '-nodes',
          '-days',
          '1',
          '-subj',
          '/CN=localhost',
        ].concat(['-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert]),
        { stdio: 'ignore' },
      )
      const ca = readFileSync(cert, 'utf8')
      const server = createTlsServer({ key: readFileSync(key), cert: ca }, hello)
      const url = `https://localhost:${await listen(server)}`
      expect(textOf(await get(url, { ca }))).toBe('hello')
      expect(textOf(await get(url, { ca: [ca] }))).toBe('hello')
      await expect(get(url)).rejects.toMatchObject({ code: 'ERR_NETWORK' })
    },
  )
})
