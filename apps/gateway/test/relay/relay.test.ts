import { once } from 'node:events'
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, listenOnLoopback, until } from '@nomyo-internal/testing'
import { GATEWAY_PATH, MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fileGateway } from '../support.js'
import { ask, keyConfigOf, openInner, postSealed, sealMessage } from '../wire-2/client.js'
import { testRelay } from './support.js'

const gateway = await fileGateway()

/** Starts a server in place of a gateway, for the time of one test. */
async function testTarget(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${await listenOnLoopback(server)}`
}

/** Opens a request whose body the test writes. */
function open(url: string, headers: Readonly<Record<string, string>> = {}) {
  const request = httpRequest(url + GATEWAY_PATH, {
    method: 'POST',
    headers: { 'content-type': MEDIA_TYPES.request, ...headers },
  })
  request.on('error', () => undefined)
  onTestFinished(() => void request.destroy())
  const response = once(request, 'response').then(([one]) => one as IncomingMessage)
  response.catch(() => undefined)
  return { request, response }
}

const answerWith =
  (status: number, headers: Record<string, string> = {}, body = 'x'): RequestListener =>
  (request, response) => {
    request.resume().on('end', () => response.writeHead(status, headers).end(body))
  }

describe('a relay', () => {
  it('carries a request to the gateway, and its answer back', async () => {
    const relay = await testRelay(gateway.url)
    const sealed = await sealMessage(await keyConfigOf(gateway))
    const answer = await postSealed(relay, sealed.body)
    expect((await openInner(answer, sealed.openAnswer())).status).toBe(200)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': MEDIA_TYPES.answer,
      'cache-control': 'no-store, no-transform',
      incremental: '?1',
      'x-accel-buffering': 'no',
    })
  })

  it('passes on no field of its caller, and only those back that clients act on', async () => {
    let seen: IncomingMessage | undefined
    const target = await testTarget((request, response) => {
      seen = request
      answerWith(429, {
        'content-type': 'application/json',
        'retry-after': '7',
        'set-cookie': 'a=b',
        server: 'x',
        'x-request-id': '1',
      })(request, response)
    })
    const relay = await testRelay(`${target}/prefix`)
    const answer = await postSealed(relay, new Uint8Array(9), {
      'content-type': `${MEDIA_TYPES.request}; x=1`,
      authorization: 'Bearer canary',
      cookie: 'canary',
      'user-agent': 'canary',
      'x-forwarded-for': '203.0.113.7',
      'accept-language': 'canary',
    })
    expect(seen?.url).toBe(`/prefix${GATEWAY_PATH}`)
    expect(seen?.headers).toEqual({
      host: new URL(target).host,
      connection: 'keep-alive',
      'content-type': MEDIA_TYPES.request,
      'content-length': '9',
      incremental: '?1',
      'cdn-loop': expect.stringMatching(/^nomyo-relay-/) as string,
    })
    expect(answer.status).toBe(429)
    expect(answer.headers.get('retry-after')).toBe('7')
    for (const name of ['set-cookie', 'server', 'x-request-id']) {
      expect(answer.headers.has(name)).toBe(false)
    }
  })

  it('serves nothing but the exchange and its health', async () => {
    const relay = await testRelay(gateway.url)
    const statusOf = async (path: string, init: RequestInit = {}): Promise<number> =>
      (await fetch(relay.url + path, init)).status
    const body = new Uint8Array(4)
    const headers = { 'content-type': MEDIA_TYPES.request }
    expect(await statusOf('/health')).toBe(200)
    expect(await statusOf('/ready')).toBe(200)
    expect(await statusOf(GATEWAY_PATH)).toBe(405)
    for (const path of [
      '/',
      '/pki/wire2',
      '/v1/models',
      `${GATEWAY_PATH}/x`,
      `/x/..${GATEWAY_PATH}x`,
    ]) {
      expect(await statusOf(path)).toBe(404)
    }
    expect(await statusOf('/v1/chat/completions', { method: 'POST', headers, body })).toBe(404)
    const post = (given: Record<string, string>) =>
      statusOf(GATEWAY_PATH, { method: 'POST', headers: given, body })
    expect(await post({ 'content-type': 'application/json' })).toBe(415)
    expect(await post({ 'content-type': MEDIA_TYPES.answer })).toBe(415)
    expect(await post({ ...headers, 'content-encoding': 'gzip' })).toBe(415)
    expect(await post({ ...headers, origin: 'https://page.example' })).toBe(403)
  })

  it('lets web pages of a given origin call', async () => {
    const relay = await testRelay(gateway.url, { corsOrigins: ['https://page.example'] })
    const answer = await fetch(relay.url + GATEWAY_PATH, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://page.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    })
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://page.example')
  })

  it('refuses a body above its limit, whether its length is known or not', async () => {
    const arrived: number[] = []
    const target = await testTarget((request, response) => {
      request.on('data', (part: Buffer) => arrived.push(part.length))
      request.on('error', () => undefined)
      request.on('end', () => response.end())
    })
    const relay = await testRelay(target, { maxBodyBytes: 1000 })
    const known = open(relay.url, { 'content-length': '1001' })
    known.request.flushHeaders()
    expect((await known.response).statusCode).toBe(413)
    expect(arrived).toEqual([])
    const unknown = open(relay.url)
    unknown.request.write(new Uint8Array(600))
    await until(() => arrived.length > 0)
    unknown.request.write(new Uint8Array(600))
    expect((await unknown.response).statusCode).toBe(413)
    expect(arrived).toEqual([600])
  })

  it('passes parts on as they come, in both directions', async () => {
    let parts = ''
    let answer: ServerResponse | undefined
    const target = await testTarget((request, response) => {
      request.setEncoding('utf8').on('data', (part: string) => (parts += part))
      answer = response
    })
    const { request, response } = open((await testRelay(target)).url)
    request.write('one')
    await until(() => parts === 'one')
    request.end('two')
    await until(() => parts === 'onetwo')
    answer?.writeHead(200, { 'content-type': MEDIA_TYPES.answer }).write('three')
    let received = ''
    const read = (await response).setEncoding('utf8')
    read.on('data', (part: string) => (received += part))
    await until(() => received === 'three')
    answer?.end('four')
    await once(read, 'end')
    expect(received).toBe('threefour')
  })

  it('reads no faster from either side than the other reads', async () => {
    const MOST = 48 * 1024 * 1024
    let written = 0
    const target = await testTarget((request, response) => {
      request.resume().on('end', () => {
        const part = Buffer.alloc(64 * 1024)
        const write = (): void => {
          while (written < MOST) {
            written += part.length
            if (!response.write(part)) {
              response.once('drain', write)
              return
            }
          }
        }
        write()
      })
    })
    const { request, response } = open((await testRelay(target)).url)
    request.end('x')
    ;(await response).pause()
    let before = -1
    // The buffers of all sockets between them are full.
    while (before !== written) {
      before = written
      await delay(100)
    }
    expect(written).toBeLessThan(MOST)
  })

  it('stops reading an upload that the gateway does not read', async () => {
    const target = await testTarget((request) => void request.pause())
    const { request } = open(
      (await testRelay(target, { maxBodyBytes: 2 ** 30, idleTimeoutMs: 900 })).url,
    )
    const part = Buffer.alloc(64 * 1024)
    let written = 0
    let isFull = false
    while (written < 48 * 1024 * 1024 && !isFull) {
      written += part.length
      if (request.write(part)) continue
      isFull = await Promise.race([once(request, 'drain').then(() => false), delay(500, true)])
    }
    expect(isFull).toBe(true)
  })

  it('hangs up on the gateway when its caller does, and the other way round', async () => {
    let isClosed = false
    let begun = 0
    const target = await testTarget((request, response) => {
      request.resume()
      begun++
      response.on('close', () => (isClosed = true))
      response.writeHead(200, { 'content-type': MEDIA_TYPES.answer }).write('part')
      if (begun === 2) setImmediate(() => response.destroy())
    })
    const relay = await testRelay(target)
    const first = open(relay.url)
    first.request.end('x')
    await first.response
    first.request.destroy()
    await until(() => isClosed)
    const second = open(relay.url)
    second.request.end('x')
    const cut = await second.response
    cut.resume()
    const [error] = (await once(cut, 'error')) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ECONNRESET')
    // The places of both are free again.
    expect((await fetch(`${relay.url}/health`)).status).toBe(200)
  })

  it('hangs up while an upload is under way', async () => {
    let isClosed = false
    const target = await testTarget((request) => {
      request.on('error', () => undefined).on('close', () => (isClosed = true))
      request.resume()
    })
    const { request } = open((await testRelay(target)).url)
    request.write('part')
    await delay(50)
    request.destroy()
    await until(() => isClosed)
  })

  it.each<[string, RequestListener, number]>([
    ['a redirect', answerWith(302, { location: 'http://127.0.0.1:1/' }), 502],
    ['a compressed answer', answerWith(200, { 'content-encoding': 'gzip' }), 502],
    ['a connection that breaks', (request) => void request.socket.destroy(), 502],
    ['an error', answerWith(503, { 'content-type': 'application/json' }), 503],
  ])('answers for %s of the gateway', async (_, listener, status) => {
    const relay = await testRelay(await testTarget(listener))
    const answer = await postSealed(relay, new Uint8Array(4))
    expect(answer.status).toBe(status)
    expect(answer.headers.has('location')).toBe(false)
  })

  it('answers 502 where the gateway is not there, and goes on', async () => {
    const relay = await testRelay(`http://127.0.0.1:${await freePort()}`)
    for (const body of [new Uint8Array(4), new Uint8Array(100_000)]) {
      expect((await postSealed(relay, body)).status).toBe(502)
    }
  })

  it('refuses to pass requests on to itself', async () => {
    const port = await freePort()
    const relay = await testRelay(`http://127.0.0.1:${port}`, { port })
    expect((await postSealed(relay, new Uint8Array(4))).status).toBe(508)
  })

  it('limits requests of an address in rate and in number, and all of them', async () => {
    const held: ServerResponse[] = []
    const target = await testTarget((request, response) => {
      request.resume()
      held.push(response)
    })
    const relay = await testRelay(target, { maxRequestsPerAddress: 2, maxRequests: 3 })
    const far = (address: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const { port } = new URL(relay.url)
        const options = { port, path: GATEWAY_PATH, method: 'POST', localAddress: address }
        const headers = { 'content-type': MEDIA_TYPES.request }
        const request = httpRequest({ host: '127.0.0.1', ...options, headers })
        request.on('response', (response) => {
          response.resume()
          resolve(response.statusCode)
        })
        request.on('error', reject).end('x')
        onTestFinished(() => void request.destroy())
      })
    const first = [far('127.0.0.1'), far('127.0.0.1')]
    await until(() => held.length === 2)
    expect(await far('127.0.0.1')).toBe(429)
    const third = far('127.0.0.5')
    await until(() => held.length === 3)
    expect(await far('127.0.0.6')).toBe(503)
    for (const response of held.splice(0)) response.writeHead(400).end()
    expect(await Promise.all([...first, third])).toEqual([400, 400, 400])
    const next = far('127.0.0.6')
    await until(() => held.length === 1)
    held[0]?.writeHead(400).end()
    expect(await next).toBe(400)
  })

  it('limits the rate of each address', async () => {
    const relay = await testRelay(await testTarget(answerWith(400)), {
      rateLimit: { perSecond: 1, burst: 1 },
    })
    const statuses = []
    for (let at = 0; at < 3; at++) {
      const answer = await postSealed(relay, new Uint8Array(4))
      statuses.push(answer.status)
      if (answer.status === 429)
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect(statuses).toEqual([400, 429, 429])
  })

  it('writes no address to its log', async () => {
    const relay = await testRelay(gateway.url)
    await ask(gateway)
    await postSealed(relay, new Uint8Array(4))
    await until(() => relay.log().includes('"route"'))
    // The first line has the address of the relay itself.
    const [, ...lines] = relay.log().split('\n')
    expect(lines.join('\n')).toContain(GATEWAY_PATH)
    expect(lines.join('\n')).not.toMatch(/127\.0\.0\.1|address/)
  })

  it('finishes what is in flight when it stops', async () => {
    let answer: ServerResponse | undefined
    const target = await testTarget((request, response) => {
      request.resume()
      answer = response
    })
    const relay = await testRelay(target)
    const { request, response } = open(relay.url)
    request.end('x')
    await until(() => answer !== undefined)
    const closed = relay.close()
    answer?.writeHead(200, { 'content-type': MEDIA_TYPES.answer }).end('whole')
    const read = (await response).setEncoding('utf8')
    expect(await once(read, 'data')).toEqual(['whole'])
    await closed
  })
})

describe('the time of an exchange', () => {
  const slowly = { idleTimeoutMs: 300, totalTimeoutMs: 60_000 }

  it('ends with 504 where the gateway is silent', async () => {
    const relay = await testRelay(await testTarget((request) => void request.resume()), slowly)
    expect((await postSealed(relay, new Uint8Array(4))).status).toBe(504)
  })

  it('ends with a cut where an answer stops, and where its caller does not read', async () => {
    let isClosed = false
    let size = 4
    const target = await testTarget((request, response) => {
      isClosed = false
      request.resume()
      response.on('close', () => (isClosed = true))
      response.writeHead(200).write(Buffer.alloc(size))
    })
    const relay = await testRelay(target, slowly)
    const stopped = open(relay.url)
    stopped.request.end('x')
    const cut = (await stopped.response).resume()
    await once(cut, 'error')
    await until(() => isClosed)
    size = 32 * 1024 * 1024
    const { port } = new URL(relay.url)
    const socket = connect(Number(port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.pause()
    socket.write(
      `POST ${GATEWAY_PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: ${MEDIA_TYPES.request}\r\ncontent-length: 1\r\n\r\nx`,
    )
    await delay(100)
    await until(() => isClosed)
  })

  it('ends after its total, though parts keep coming', async () => {
    const target = await testTarget((request, response) => {
      request.resume()
      response.writeHead(200)
      const timer = setInterval(() => response.write('x'), 20)
      response.on('close', () => clearInterval(timer))
    })
    const relay = await testRelay(target, { idleTimeoutMs: 400, totalTimeoutMs: 500 })
    const { request, response } = open(relay.url)
    request.end('x')
    await once((await response).resume(), 'error')
  })
})
