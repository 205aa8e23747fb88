import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { freePort } from '@nomyo-internal/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { startDeadline } from '../src/deadline.js'
import { delay } from '../src/retry.js'
import type { StreamedResponse } from '../src/transport.js'
import { APIConnectionError } from '../src/errors.js'
import type { HttpSend, HttpSendResponse } from '../src/http/http-send.js'
import { createHttpTransport } from '../src/http/http-transport.js'
import { parseBaseUrl } from '../src/endpoint.js'
import { createUndiciFetch } from '../src/undici/index.js'
import {
  closed,
  expectConnectionError,
  rejection,
  send as sendBy,
  startRawServer,
  startServer,
  answerForEver,
  type Way,
} from './support.js'

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte)

const OK = 'HTTP/1.1 200 OK\r\n'

const own = createUndiciFetch()
afterAll(() => own.close())

const ways: [string, Way][] = [
  ["the platform's fetch", {}],
  ['the send function of undici', { send: own.send }],
  ['the fetch of undici', { fetch: own.fetch }],
]

describe.each(ways)('over %s', (_way, way) => {
  const send: typeof sendBy = (url, request) => sendBy(url, request, way)

  describe('bytes', () => {
    it.each([
      ['none', new Uint8Array()],
      ['every one', everyByte],
      ['3 MiB', new Uint8Array(randomBytes(3 * 1024 * 1024))],
    ])('go and come unchanged: %s', async (_what, bytes) => {
      const server = await startServer((response, seen) => response.end(seen.body))
      const response = await send(server.url, { body: bytes, maxResponseBytes: bytes.length })
      expect(response.status).toBe(200)
      expect(Buffer.compare(server.seen[0]!.body, bytes)).toBe(0)
      expect(Buffer.compare(response.body, bytes)).toBe(0)
    })

    it('come back below a path prefix, with the status and the headers of the server', async () => {
      const server = await startServer((response) => {
        response.writeHead(418, { 'X-Some-Header': 'value' }).end('teapot')
      })
      const response = await send(`${server.url}/a/b/`, { path: '/pki/public_key' })
      expect(server.seen[0]!.url).toBe('/a/b/pki/public_key')
      expect(response.status).toBe(418)
      expect(response.header('x-some-header')).toBe('value')
      expect(response.header('x-other-header')).toBeUndefined()
      expect(new TextDecoder().decode(response.body)).toBe('teapot')
    })

    it('join repeated headers, and lack missing ones', async () => {
      const server = await startServer((response) => {
        response.writeHead(200, ['x-twice', 'one', 'x-twice', 'two', 'x-empty', '']).end()
      })
      const { header } = await send(server.url)
      expect(header('x-twice')).toBe('one, two')
      expect(header('x-empty')).toBe('')
    })

    it.each([204, 205, 304])('do not come with %i', async (status) => {
      const server = await startServer((response) => {
        response.writeHead(status, { etag: '"1"' }).end()
      })
      const response = await send(server.url)
      expect([response.status, response.body.length]).toEqual([status, 0])
      expect(response.header('etag')).toBe('"1"')
    })

    it('come from a GET without a body', async () => {
      const server = await startServer((response) => response.end('key'))
      const transport = createHttpTransport({ ...way, baseUrl: parseBaseUrl(server.url) })
      const response = await transport.send({
        method: 'GET',
        path: '/key',
        headers: {},
        maxResponseBytes: 3,
        signal: new AbortController().signal,
      })
      expect(server.seen[0]).toMatchObject({ method: 'GET', url: '/key' })
      expect(server.seen[0]!.body).toHaveLength(0)
      expect(new TextDecoder().decode(response.body)).toBe('key')
    })
  })

  describe('headers', () => {
    it('are those given, without cookies, referrer or authorization of its own', async () => {
      const server = await startServer((response) => {
        response.writeHead(200, { 'set-cookie': 'session=1; Path=/' }).end()
      })
      await send(server.url, { headers: { 'x-payload-id': 'id' } })
      await send(server.url, { headers: { 'x-payload-id': 'id', authorization: 'Bearer key' } })
      for (const { headers } of server.seen) {
        expect(headers['x-payload-id']).toBe('id')
        for (const name of ['cookie', 'referer', 'origin', 'proxy-authorization']) {
          expect(headers, name).not.toHaveProperty([name])
        }
      }
      expect(server.seen[0]!.headers).not.toHaveProperty('authorization')
      expect(server.seen[1]!.headers.authorization).toBe('Bearer key')
    })
  })

  describe('a broken connection is ERR_NETWORK', () => {
    it('when it is refused', async () => {
      await expectConnectionError(send(`http://127.0.0.1:${await freePort()}`), 'ERR_NETWORK')
    })

    it('when the name does not exist', async () => {
      await expectConnectionError(send('http://gateway.invalid'), 'ERR_NETWORK')
    })

    it.each([
      ['it closes without an answer', ''],
      ['the headers are cut off', 'HTTP/1.1 200 OK\r\ncontent-ty'],
      ['the body is shorter than announced', `${OK}content-length: 100\r\n\r\nten bytes.`],
      ['the last chunk is missing', `${OK}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`],
      ['a chunk is malformed', `${OK}transfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n`],
      ['no HTTP is spoken', 'SSH-2.0-OpenSSH_9.6\r\n'],
      ['the status line is malformed', 'HTTP/9.9 abc\r\n\r\n'],
      ['the length is malformed', 'HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\nabc'],
      ['gzip was promised', `${OK}content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc`],
    ])('when %s', async (_what, bytes) => {
      const server = await startRawServer((socket) => socket.end(bytes))
      await expectConnectionError(send(server.url), 'ERR_NETWORK')
    })

    it('when it is reset, before or after the headers', async () => {
      const before = await startRawServer((socket) => socket.resetAndDestroy())
      await expectConnectionError(send(before.url), 'ERR_NETWORK')
      const after = await startRawServer((socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc', () => {
          setTimeout(() => socket.resetAndDestroy(), 30)
        })
      })
      await expectConnectionError(send(after.url), 'ERR_NETWORK')
    })

    it('when the client speaks TLS to a plain server', async () => {
      const server = await startServer((response) => response.end())
      await expectConnectionError(send(server.url.replace('http:', 'https:')), 'ERR_NETWORK')
    })
  })

  describe('an oversized body', () => {
    const limit = 100_000
    const sized = (bytes: number): string => `HTTP/1.1 200 OK\r\ncontent-length: ${bytes}\r\n\r\n`

    it('is read up to the limit exactly', async () => {
      const server = await startServer((response, seen) => {
        response.end(Buffer.alloc(Number(seen.headers['x-size'])))
      })
      const sized = (size: number) =>
        send(server.url, { headers: { 'x-size': String(size) }, maxResponseBytes: limit })
      expect((await sized(limit)).body).toHaveLength(limit)
      await expectConnectionError(sized(limit + 1), 'ERR_RESPONSE_TOO_LARGE')
    })

    it.each<[string, number, (socket: Socket) => unknown]>([
      ['all of it has come already', 9, (socket) => socket.end(`${sized(10)}ten bytes.`)],
      ['it has no end', limit, answerForEver],
      ['its length is announced', limit, (socket) => socket.write(sized(10_000_000_000))],
    ])('is dropped as soon as %s', async (_what, maxResponseBytes, answer) => {
      const server = await startRawServer((socket) => void answer(socket))
      await expectConnectionError(send(server.url, { maxResponseBytes }), 'ERR_RESPONSE_TOO_LARGE')
      await closed(server.connections[0])
    })
  })

  describe('the body beside an error', () => {
    const said = (url: string) => send(url).then(({ status, body }) => [status, body.length])

    it('is read up to 64 KiB; a larger one counts as empty', async () => {
      for (const [size, read] of [
        [65_536, 65_536],
        [65_537, 0],
      ] as const) {
        const announced = await startServer((response) => {
          response.writeHead(503, { 'content-length': size }).end(Buffer.alloc(size))
        })
        const chunked = await startServer((response) => {
          response.writeHead(503).write(Buffer.alloc(1))
          response.end(Buffer.alloc(size - 1))
        })
        for (const { url } of [announced, chunked]) expect(await said(url)).toEqual([503, read])
      }
    })

    it('counts as empty where it is truncated, and its connection is dropped', async () => {
      const cut = await startRawServer((socket) => {
        socket.end('HTTP/1.1 503 No\r\ncontent-length: 100\r\n\r\nten bytes.')
      })
      expect(await said(cut.url)).toEqual([503, 0])
      const endless = await startRawServer((socket) => answerForEver(socket, '503 No'))
      expect(await said(endless.url)).toEqual([503, 0])
      await closed(endless.connections[0])
    })
  })

  describe('a deadline', () => {
    const timeoutMs = 200

    /** Runs a request against a deadline and gives its error and how long it took. */
    async function timed(url: string): Promise<{ error: unknown; elapsedMs: number }> {
      const start = performance.now()
      const deadline = startDeadline(timeoutMs)
      const error = await rejection(send(url, { signal: deadline.signal }))
      return { error, elapsedMs: performance.now() - start }
    }

    function expectTimeout({ error, elapsedMs }: { error: unknown; elapsedMs: number }): void {
      expect(error).toBeInstanceOf(APIConnectionError)
      expect(error).toMatchObject({ code: 'ERR_TIMEOUT' })
      expect(elapsedMs).toBeGreaterThan(timeoutMs - 10)
    }

    it('ends the wait for a silent server', async () => {
      const server = await startServer(() => undefined)
      expectTimeout(await timed(server.url))
      await closed(server.connections[0])
    })

    it('ends a dripping body', async () => {
      const server = await startServer((response) => {
        response.writeHead(200)
        const drip = setInterval(() => response.write('.'), 10)
        response.on('close', () => clearInterval(drip))
      })
      expectTimeout(await timed(server.url))
      await closed(server.connections[0])
    })

    it('ends dripping headers', async () => {
      const server = await startRawServer((socket) => {
        socket.write('HTTP/1.1 200 OK\r\n')
        const drip = setInterval(() => socket.write('x-drip: 1\r\n'), 10)
        socket.on('close', () => clearInterval(drip))
      })
      expectTimeout(await timed(server.url))
      await closed(server.connections[0])
    })

    it('is not waited for once the answer is there', async () => {
      const server = await startServer((response) => response.end('ok'))
      const deadline = startDeadline(10_000)
      const response = await send(server.url, { signal: deadline.signal })
      deadline.clear()
      expect(response.status).toBe(200)
      expect(deadline.signal.aborted).toBe(false)
    })
  })

  describe('a caller', () => {
    it.each(['while there are no headers', 'in the middle of a body'])(
      'may abort %s',
      async (when) => {
        const caller = new AbortController()
        const server = await startServer((response) => {
          if (when === 'in the middle of a body') response.writeHead(200).write('first part')
          setTimeout(() => caller.abort(), 50)
        })
        const { signal } = startDeadline(undefined, [caller.signal])
        await expectConnectionError(send(server.url, { signal }), 'ERR_ABORTED')
        await closed(server.connections[0])
      },
    )

    it('who has already aborted causes no connection', async () => {
      const server = await startServer((response) => response.end())
      const { signal } = startDeadline(undefined, [AbortSignal.abort()])
      await expectConnectionError(send(server.url, { signal }), 'ERR_ABORTED')
      await send(server.url)
      expect(server.connections).toHaveLength(1)
    })

    it.each([
      new APIConnectionError('ERR_ABORTED', 'because'),
      new TypeError('any other'),
      'a text',
    ])('gets the very reason of the signal: %s', async (reason) => {
      const server = await startServer(() => undefined)
      const controller = new AbortController()
      setTimeout(() => controller.abort(reason), 30)
      expect(await rejection(send(server.url, { signal: controller.signal }))).toBe(reason)
    })
  })

  describe('a redirect', () => {
    it.each([301, 302, 303, 307, 308])('is an answer and never followed: %i', async (status) => {
      const elsewhere = await startServer((response) => response.end('trap'))
      const server = await startServer((response) => {
        response.writeHead(status, { location: `${elsewhere.url}/trap` }).end()
      })
      expect((await send(server.url)).status).toBe(status)
      expect(elsewhere.connections).toHaveLength(0)
    })
  })
})

describe('a send function that is given', () => {
  const nowhere = 'http://127.0.0.1:1'
  const limit = 100

  /** One that answers 200, but for what a test gives in its place. */
  function answering(
    given: Partial<HttpSendResponse>,
    cancelled: () => void = () => undefined,
  ): Way {
    const answer: HttpSendResponse = {
      status: 200,
      header: () => undefined,
      read: () => Promise.resolve(),
      cancel: cancelled,
      ...given,
    }
    return { send: () => Promise.resolve(answer) }
  }

  it('takes the place of fetch, and gets nothing but the request', async () => {
    const asked: unknown[] = []
    const send: HttpSend = (url, request) => {
      asked.push(url, request)
      return Promise.reject(new Error())
    }
    const { signal } = new AbortController()
    const request = { method: 'POST' as const, headers: { 'x-id': '1' }, body: everyByte, signal }
    const sending = sendBy(`${nowhere}/prefix`, request, { send, fetch: () => expect.fail() })
    await expectConnectionError(sending, 'ERR_NETWORK')
    expect(asked).toEqual([`${nowhere}/prefix/somewhere`, request])
  })

  it('has its own connection errors passed on', async () => {
    const error = new APIConnectionError('ERR_REDIRECT', 'not there')
    const send: HttpSend = () => Promise.reject(error)
    expect(await rejection(sendBy(nowhere, {}, { send }))).toBe(error)
    const read = () => Promise.reject(error)
    expect(await rejection(sendBy(nowhere, {}, answering({ read })))).toBe(error)
  })

  it('may use the memory of a part again', async () => {
    const part = new Uint8Array(2)
    const read: HttpSendResponse['read'] = async (take) => {
      for (let byte = 1; byte < 4; byte++) await take(part.fill(byte))
    }
    const { body } = await sendBy(nowhere, {}, answering({ read }))
    expect([...body]).toEqual([1, 1, 2, 2, 3, 3])
  })

  it('keeps to the limit whatever length it announces, and is cancelled beyond it', async () => {
    const read: HttpSendResponse['read'] = async (take) => {
      for (;;) await Promise.resolve().then(() => take(everyByte.subarray(0, 10)))
    }
    for (const length of [undefined, '0', '5', '101', 'x', '-1']) {
      let cancelled = 0
      const way = answering({ read, header: () => length }, () => cancelled++)
      const sending = sendBy(nowhere, { maxResponseBytes: limit }, way)
      await expectConnectionError(sending, 'ERR_RESPONSE_TOO_LARGE')
      expect(cancelled).toBe(1)
    }
  })

  it('is left at the deadline where it ignores the signal, and its body is cancelled', async () => {
    const never = () => new Promise<never>(() => undefined)
    let cancelled = 0
    for (const way of [{ send: never }, answering({ read: never }, () => cancelled++)]) {
      const { signal } = startDeadline(50)
      await expectConnectionError(sendBy(nowhere, { signal }, way), 'ERR_TIMEOUT')
    }
    expect(cancelled).toBe(1)
  })
})

describe.each<[string, Way]>([
  ['fetch', {}],
  ['the send of createUndiciFetch', { send: createUndiciFetch().send }],
])('a response whose body is still arriving, over %s', (_name, way) => {
  const open = (
    url: string,
    request: { maxResponseBytes?: number; signal?: AbortSignal } = {},
  ): Promise<StreamedResponse> =>
    createHttpTransport({ ...way, baseUrl: parseBaseUrl(url) }).stream({
      method: 'POST',
      path: '/somewhere',
      headers: {},
      body: everyByte,
      maxResponseBytes: 1024,
      signal: new AbortController().signal,
      ...request,
    })

  it('comes with its head, then part by part', async () => {
    let finish = (): void => undefined
    const server = await startServer((response) => {
      response.writeHead(200, { 'content-type': 'text/x' }).write('one')
      finish = () => response.end('two')
    })
    const response = await open(server.url)
    expect([response.status, response.header('content-type')]).toEqual([200, 'text/x'])
    const parts: string[] = []
    await response.read((part) => {
      parts.push(new TextDecoder().decode(part))
      finish()
    })
    expect(parts).toEqual(['one', 'two'])
  })

  it('waits for the promise of a part, and so does the server', async () => {
    let sent = 0
    let isClosed = false
    const server = await startServer((response) => {
      const more = (): void => {
        while (!isClosed && response.write(Buffer.alloc(0x10000))) sent += 0x10000
      }
      response.on('drain', more).on('close', () => (isClosed = true))
      response.writeHead(200)
      more()
    })
    const response = await open(server.url, { maxResponseBytes: 2 ** 40 })
    let taken = 0
    let release = (): void => undefined
    const reading = response.read(() => {
      taken++
      return new Promise((resolve) => (release = resolve))
    })
    await expect.poll(() => taken).toBe(1)
    // The buffers of the connection fill up, then the server waits.
    await expect
      .poll(async () => {
        const before = sent
        await delay(200, new AbortController().signal)
        return sent - before
      })
      .toBe(0)
    expect(taken).toBe(1)
    release()
    await expect.poll(() => taken).toBe(2)
    response.cancel()
    release()
    await Promise.allSettled([reading])
  })

  it('resolves after the promise of its last part', async () => {
    const server = await startServer((response) => response.end('all'))
    const order: string[] = []
    await (
      await open(server.url)
    ).read(async () => {
      await delay(20, new AbortController().signal)
      order.push('taken')
    })
    order.push('read')
    expect(order).toEqual(['taken', 'read'])
  })

  it.each([
    [
      'at once',
      () => {
        throw new RangeError('mine')
      },
    ],
    ['later', () => Promise.reject(new RangeError('mine'))],
  ])('rejects with the very error of its reader, which throws %s', async (_when, take) => {
    const server = await startRawServer((socket) => answerForEver(socket))
    const response = await open(server.url, { maxResponseBytes: 2 ** 40 })
    expect(await rejection(response.read(take))).toBeInstanceOf(RangeError)
    await closed(server.connections[0])
  })

  it('is limited, on the way and by its announced length', async () => {
    const endless = await startRawServer((socket) => answerForEver(socket))
    const response = await open(endless.url)
    let size = 0
    const reading = response.read((part) => void (size += part.length))
    await expectConnectionError(reading, 'ERR_RESPONSE_TOO_LARGE')
    expect(size).toBeLessThanOrEqual(1024)
    await closed(endless.connections[0])
    const announced = await startRawServer((socket) =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1025\r\n\r\nx'),
    )
    const second = (await open(announced.url)).read(() => expect.fail())
    await expectConnectionError(second, 'ERR_RESPONSE_TOO_LARGE')
  })

  it('is ERR_NETWORK where it is cut off, after the parts before', async () => {
    const server = await startRawServer((socket) =>
      socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'),
    )
    let text = ''
    const response = await open(server.url)
    const reading = response.read((part) => void (text += new TextDecoder().decode(part)))
    await expectConnectionError(reading, 'ERR_NETWORK')
    expect(text).toBe('abc')
  })

  it('ends with its signal while a part is being taken', async () => {
    const server = await startServer((response) => response.writeHead(200).write('part'))
    const { signal, abort } = startDeadline(undefined)
    const response = await open(server.url, { signal })
    const reading = response.read(() => {
      abort(new APIConnectionError('ERR_ABORTED', 'enough'))
      return new Promise(() => undefined)
    })
    await expectConnectionError(reading, 'ERR_ABORTED')
    await closed(server.connections[0])
  })

  it('can be read whole, as send does', async () => {
    const server = await startServer((response) => response.writeHead(418).end('teapot'))
    const { status, body } = await (await open(server.url)).whole()
    expect([status, new TextDecoder().decode(body)]).toEqual([418, 'teapot'])
  })
})
