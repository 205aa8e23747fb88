import { getEventListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { isInstalled, listenOnLoopback, makeCa, temporaryFolder } from '@nomyo-internal/testing'
import { Agent } from 'undici'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { startDeadline } from '../src/deadline.js'
import { parseBaseUrl } from '../src/endpoint.js'
import type { HttpSendResponse } from '../src/http/http-send.js'
import { createHttpTransport } from '../src/http/http-transport.js'
import type { TransportResponse } from '../src/transport.js'
import {
  createUndiciFetch,
  type UndiciFetch,
  type UndiciFetchOptions,
} from '../src/undici/index.js'
import { expectConnectionError, rejection } from './support.js'

afterEach(() => {
  vi.unstubAllEnvs()
})

/** Starts a server for one test and returns its port. */
async function listen(server: Server): Promise<number> {
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return listenOnLoopback(server)
}

const serve = async (answer: RequestListener): Promise<string> =>
  `http://127.0.0.1:${await listen(createServer(answer))}`

const openConnections = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.getConnections((_error, count) => {
      resolve(count)
    })
  })

const hello: RequestListener = (_request, response) => void response.end('hello')

/** Asks for one path, over a part of what is given. */
async function getOver(
  member: 'fetch' | 'send',
  baseUrl: string,
  fetched: UndiciFetch,
): Promise<TransportResponse> {
  onTestFinished(() => fetched.close())
  const way = { [member]: fetched[member] }
  const transport = createHttpTransport({ ...way, baseUrl: parseBaseUrl(baseUrl) })
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

describe.each(['fetch', 'send'] as const)('createUndiciFetch: its %s', (member) => {
  const get = (
    baseUrl: string,
    options: UndiciFetchOptions = {},
    fetched = createUndiciFetch(options),
  ): Promise<TransportResponse> => getOver(member, baseUrl, fetched)

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
    vi.stubEnv('no_proxy', 'excepted.localhost')
    // A name only the proxy can resolve.
    expect(textOf(await get('http://gateway.invalid'))).toBe('hello')
    expect(tunnels).toEqual(['gateway.invalid:80'])
    expect(textOf(await get('http://another.invalid'))).toBe('hello')
    vi.stubEnv('no_proxy', 'gateway.invalid')
    await expect(get('http://gateway.invalid')).rejects.toMatchObject({ code: 'ERR_NETWORK' })
    expect(tunnels).toEqual(['gateway.invalid:80', 'another.invalid:80'])
  })

  it.each([
    '127.0.0.1',
    'localhost',
    'LOCALHOST.',
    '127.1',
    '127.9.8.7',
    '0x7f000001',
    '2130706433',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    'gateway.localhost',
  ])('never asks a proxy for this machine itself: %s', async (host) => {
    let asked = 0
    const proxy = createServer((_request, response) => {
      asked++
      response.end('hello')
    })
    proxy.on('connect', (_request, client: Socket) => {
      asked++
      client.destroy()
    })
    const proxyUrl = `http://127.0.0.1:${await listen(proxy)}`
    for (const name of ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY']) {
      vi.stubEnv(name, proxyUrl)
    }
    vi.stubEnv('NODE_USE_ENV_PROXY', '1')
    vi.stubEnv('no_proxy', '')
    const port = await listen(createServer((_request, response) => void response.end('direct')))
    // Not every machine has IPv6, or resolves the names.
    const answer = await get(`http://${host}:${port}`).then(textOf, () => 'direct')
    expect(answer).toBe('direct')
    expect(asked).toBe(0)
  })

  it.each(['127.0.0.1.evil.example', 'localhost.example', 'notlocalhost', '[::2]', '128.0.0.1'])(
    'asks it for every other: %s',
    async (host) => {
      let asked = 0
      const proxy = createServer()
      proxy.on('connect', (_request, client: Socket) => {
        asked++
        client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
      })
      vi.stubEnv('http_proxy', `http://127.0.0.1:${await listen(proxy)}`)
      await get(`http://${host}`).catch(() => undefined)
      expect(asked).toBe(1)
    },
  )

  it.each<[string, (client: Socket) => unknown]>([
    ['closes the connection', (client) => client.destroy()],
    ['resets the connection', (client) => client.resetAndDestroy()],
    ['breaks off its answer', (client) => client.end('HTTP/1.1 2')],
    ['refuses the tunnel', (client) => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')],
    ['requires a password', (client) => client.end('HTTP/1.1 407 Auth\r\n\r\n')],
    ['speaks no HTTP', (client) => client.end('220 smtp\r\n')],
    ['opens the tunnel and closes it', (client) => client.end('HTTP/1.1 200 OK\r\n\r\n')],
  ])('connects once to a proxy that %s', async (_what, answer) => {
    let asked = 0
    const proxy = createServer()
    proxy.on('connect', (_request, client: Socket) => {
      asked++
      client.on('error', () => undefined)
      answer(client)
    })
    vi.stubEnv('http_proxy', `http://127.0.0.1:${await listen(proxy)}`)
    await expectConnectionError(get('http://gateway.invalid'), 'ERR_NETWORK')
    expect(asked).toBe(1)
  })

  it('reads the proxy of the environment with a request, and names a failed one, until there is a valid one', async () => {
    vi.stubEnv('http_proxy', 'no address')
    const fetched = createUndiciFetch()
    await expect(get('http://gateway.invalid', {}, fetched)).rejects.toMatchObject({
      code: 'ERR_NETWORK',
      message: expect.stringContaining('gateway.invalid') as string,
    })
    let asked = 0
    const proxy = createServer()
    proxy.on('connect', (_request, client: Socket) => {
      asked++
      client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    })
    vi.stubEnv('http_proxy', `http://127.0.0.1:${await listen(proxy)}`)
    await expectConnectionError(get('http://gateway.invalid', {}, fetched), 'ERR_NETWORK')
    expect(asked).toBe(1)
    vi.stubEnv('http_proxy', '')
    const url = await serve(hello)
    expect(textOf(await get(url, {}, fetched))).toBe('hello')
    await fetched.close()
  })

  it('sends nothing once it is closed, used or not', async () => {
    const url = await serve(hello)
    const used = createUndiciFetch()
    expect(textOf(await get(url, {}, used))).toBe('hello')
    for (const fetched of [used, createUndiciFetch()]) {
      await fetched.close()
      await expect(get(url, {}, fetched)).rejects.toMatchObject({ code: 'ERR_NETWORK' })
    }
  })

  it('uses a dispatcher that is given, and leaves closing it to its owner', async () => {
    const url = await serve(hello)
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
    const url = await serve((_request, response) => {
      setTimeout(() => response.end('late'), 400)
    })
    expect(textOf(await get(url))).toBe('late')
  })

  it('refuses a compressed body, and drops it', async () => {
    let closed = 0
    const url = await serve((request, response) => {
      request.socket.on('close', () => closed++)
      response.writeHead(200, { 'content-encoding': 'gzip' }).write(gzipSync('hello'))
    })
    await expectConnectionError(get(url), 'ERR_NETWORK')
    await expect.poll(() => closed).toBe(1)
  })

  it('treats a compressed error as empty', async () => {
    const url = await serve((_request, response) => {
      const body = gzipSync('hello')
      response.writeHead(503, { 'content-encoding': 'gzip', 'content-length': body.length })
      response.end(body)
    })
    const response = await get(url)
    expect([response.status, textOf(response)]).toEqual([503, ''])
  })

  it('requests no compression', async () => {
    const server = createServer((request, response) => {
      response.end(request.headers['accept-encoding'])
    })
    expect(textOf(await get(`http://127.0.0.1:${await listen(server)}`))).toBe('identity')
  })

  it.skipIf(!isInstalled('openssl'))(
    'trusts the certificate authorities it is given, and no others',
    async () => {
      const { key, cert } = makeCa(temporaryFolder(), 'localhost', 'DNS:localhost')
      const ca = readFileSync(cert, 'utf8')
      const server = createTlsServer({ key: readFileSync(key), cert: ca }, hello)
      const url = `https://localhost:${await listen(server)}`
      expect(textOf(await get(url, { ca }))).toBe('hello')
      expect(textOf(await get(url, { ca: [ca] }))).toBe('hello')
      await expect(get(url)).rejects.toMatchObject({ code: 'ERR_NETWORK' })
    },
  )
})

/** A body that goes on for as long as it is read. */
function endlessBody(): { listener: RequestListener; expectHeldBack(): Promise<void> } {
  let written = 0
  return {
    listener: (_request, response) => {
      const more = (): void => {
        while (response.write(Buffer.alloc(65_536))) written += 65_536
      }
      response.on('drain', more)
      more()
    },
    expectHeldBack: async () => {
      await new Promise((resolve) => setTimeout(resolve, 200))
      const before = written
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(written).toBe(before)
    },
  }
}

describe('the fetch of createUndiciFetch', () => {
  async function fetching(listener: RequestListener, init?: RequestInit): Promise<Response> {
    const { fetch, close } = createUndiciFetch()
    onTestFinished(close)
    return fetch(await serve(listener), init)
  }

  it('gives a Response', async () => {
    const response = await fetching((_request, response) => {
      response.writeHead(201, { 'set-cookie': ['a=1', 'b=2'] }).end('hello')
    })
    expect(response).toBeInstanceOf(Response)
    expect([response.status, await response.text()]).toEqual([201, 'hello'])
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  })

  it.each([204, 205, 304])(
    'gives one without a body for %i, and is done with it',
    async (status) => {
      const { signal } = new AbortController()
      const answer: RequestListener = (_request, response) => void response.writeHead(status).end()
      const response = await fetching(answer, { signal })
      expect([response.status, response.body]).toEqual([status, null])
      await expect.poll(() => getEventListeners(signal, 'abort')).toEqual([])
    },
  )

  it.each([600, 799, 999])('rejects the status %i, and drops the connection', async (status) => {
    const server = createServer((_request, response) => {
      response.writeHead(status)
      response.write('a part')
    })
    const { fetch, close } = createUndiciFetch()
    onTestFinished(close)
    const asked = fetch(`http://127.0.0.1:${await listen(server)}`)
    expect(await rejection(asked)).toMatchObject({ code: 'ERR_NETWORK' })
    await expect.poll(() => openConnections(server)).toBe(0)
  })

  it('can be cancelled before, between and after the parts of a body', async () => {
    for (const reads of [0, 1, 2]) {
      let dropped = false
      const { body } = await fetching((_request, response) => {
        response.on('close', () => (dropped = true))
        response.write('hello')
        if (reads === 2) response.end()
      })
      const reader = body!.getReader()
      for (let read = 0; read < reads; read++) await reader.read()
      await reader.cancel()
      await expect.poll(() => dropped).toBe(true)
    }
  })

  it('does not read ahead of its reader', async () => {
    const body = endlessBody()
    const response = await fetching(body.listener)
    await body.expectHeldBack()
    await response.body!.cancel()
  })
})

describe('the send of createUndiciFetch', () => {
  async function exchanging(
    listener: RequestListener,
    signal = new AbortController().signal,
  ): Promise<HttpSendResponse> {
    const { send, close } = createUndiciFetch()
    onTestFinished(close)
    const url = await serve(listener)
    return send(url, { method: 'GET', headers: {}, signal })
  }

  const readText = async (answer: HttpSendResponse): Promise<string> => {
    const parts: Uint8Array[] = []
    await answer.read((part) => parts.push(Uint8Array.from(part)))
    return Buffer.concat(parts).toString()
  }

  it('gives the final response, not an informational one, and a repeated header as one', async () => {
    const answer = await exchanging((_request, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' })
      response.writeHead(201, { 'x-many': ['a', 'b'] }).end('hello')
    })
    expect([answer.status, answer.header('x-many'), answer.header('link')]).toEqual([
      201,
      'a, b',
      undefined,
    ])
    expect(await readText(answer)).toBe('hello')
  })

  it('reads data that arrived before the reader, and an empty body', async () => {
    for (const text of ['hello', 'x'.repeat(3_000_000), '']) {
      const answer = await exchanging((_request, response) => void response.end(text))
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(await readText(answer)).toBe(text)
    }
  })

  it('lets other work go on while a slow body is taken part by part', async () => {
    let response: ServerResponse | undefined
    const answer = await exchanging((_request, given) => {
      response = given
      given.write('x'.repeat(100_000))
    })
    const parts: number[] = []
    const reading = answer.read((part) => {
      parts.push(part.length)
      return Promise.resolve()
    })
    // Reached only where the connection does not resume itself without end.
    await new Promise((resolve) => setTimeout(resolve, 20))
    response?.end('y')
    await reading
    expect(parts.reduce((sum, part) => sum + part, 0)).toBe(100_001)
    expect(parts).not.toContain(0)
  })

  it('does not read ahead without a reader', async () => {
    const body = endlessBody()
    const answer = await exchanging(body.listener)
    await body.expectHeldBack()
    // Held back, and not dropped: it can still be read.
    const enough = new Error('enough')
    const reading = answer.read(() => {
      throw enough
    })
    expect(await rejection(reading)).toBe(enough)
  })

  it.each(['before', 'while'])('rejects a body that breaks off %s it is read', async (when) => {
    const answer = await exchanging((_request, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('hello')
      setTimeout(() => response.destroy(), when === 'before' ? 20 : 150)
    })
    if (when === 'before') await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await rejection(readText(answer))).toMatchObject({ code: 'UND_ERR_SOCKET' })
  })

  it.each(['head', 'body'])('ends with its signal before the %s', async (part) => {
    const controller = new AbortController()
    let dropped = false
    const exchanged = exchanging((_request, response) => {
      response.on('close', () => (dropped = true))
      if (part === 'body') response.write('hello')
      setTimeout(() => {
        controller.abort(new Error('enough'))
      }, 50)
    }, controller.signal)
    const asked = part === 'head' ? exchanged : exchanged.then(readText)
    expect(await rejection(asked)).toMatchObject({ message: 'enough' })
    await expect.poll(() => dropped).toBe(true)
  })

  it('rejects, and does not throw, where no connection can even be tried', async () => {
    vi.stubEnv('http_proxy', 'no address')
    const { send } = createUndiciFetch()
    const { signal } = new AbortController()
    const asked = send('http://gateway.invalid/', { method: 'GET', headers: {}, signal })
    expect(await rejection(asked)).toMatchObject({ code: 'ERR_INVALID_URL' })
  })

  it('ends with its signal while it waits for a connection', async () => {
    // Addresses for documentation, of RFC 5737, where nothing answers.
    const { send, close } = createUndiciFetch()
    const controller = new AbortController()
    const asked = send('http://192.0.2.1/', {
      method: 'GET',
      headers: {},
      signal: controller.signal,
    })
    controller.abort(new Error('enough'))
    expect(await rejection(asked)).toMatchObject({ message: 'enough' })
    void close()
  })

  it.each(['read', 'cancelled', 'broken off'])('lets go of its signal when %s', async (way) => {
    const { signal } = new AbortController()
    const answer = await exchanging((_request, response) => {
      response.write('hello')
      if (way === 'broken off') setTimeout(() => response.destroy(), 50)
      if (way === 'read') response.end()
    }, signal)
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    if (way === 'read') await readText(answer)
    if (way === 'broken off') await rejection(readText(answer))
    if (way === 'cancelled') answer.cancel()
    await expect.poll(() => getEventListeners(signal, 'abort')).toEqual([])
  })

  it('rejects with the error of the reader of its body, and drops the rest', async () => {
    let dropped = false
    const answer = await exchanging((_request, response) => {
      response.on('close', () => (dropped = true))
      response.write('hello')
    })
    const enough = new Error('enough')
    const reading = answer.read(() => {
      throw enough
    })
    expect(await rejection(reading)).toBe(enough)
    await expect.poll(() => dropped).toBe(true)
  })

  it('can be cancelled at any time, and has nothing to read then', async () => {
    const answer = await exchanging(hello)
    const taken: Uint8Array[] = []
    // Late enough for all of it to have come.
    await new Promise((resolve) => setTimeout(resolve, 50))
    answer.cancel()
    answer.cancel()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await rejection(answer.read((part) => taken.push(part)))).toBeInstanceOf(Error)
    expect(taken).toEqual([])
  })
})
