import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  chat,
  clientLines,
  COMPLETIONS,
  completionHead,
  expectAlive,
  fileGateway,
  httpLines,
  parseRawAnswer,
  post,
  rawExchange,
  refusalOf,
  seal,
  send,
  statusOf,
  testGateway,
  testModelServer,
  testSocket,
} from './support.js'
import { metric } from './measure.js'

const REQUEST_TIMEOUT_MS = 3000

const gateway = await fileGateway({
  args: ['--engine', 'demo', '--request-timeout', `${REQUEST_TIMEOUT_MS / 1000}s`],
})

/** Counts the answers in a received text. */
const answersIn = (text: string): number => text.match(/HTTP\/1\.1 \d{3} /g)?.length ?? 0

it('a caller that hangs up before the answer is counted and logged all the same', async () => {
  const upstream = await testModelServer()
  upstream.answer = () => undefined
  const target = await testGateway({ args: ['--upstream', upstream.url, '--metrics-port=0'] })
  const caller = new AbortController()
  const abandoned = send(target, chat('x'), {}, caller.signal)
  await expect.poll(() => upstream.seen.length).toBe(1)
  expect(await metric(target, 'nomyo_requests_in_flight')).toBe(1)
  caller.abort()
  await expect(abandoned).rejects.toThrow()
  await expect.poll(() => metric(target, 'nomyo_requests_in_flight')).toBe(0)
  expect(await metric(target, `nomyo_requests_total{route="${COMPLETIONS}",status="gone"}`)).toBe(1)
  expect(target.log()).toMatch(/"route":"\/v1\/chat\/secure_completion","status":null/)
})

/** A request that must never be answered, hidden behind another. */
const HIDDEN = 'GET /health HTTP/1.1\r\nhost: hidden\r\n\r\n'

const smuggle = (headers: string[], body: string): string =>
  httpLines(`POST ${COMPLETIONS} HTTP/1.1`, 'host: x', 'content-type: application/octet-stream') +
  httpLines(...headers) +
  `\r\n${body}${HIDDEN}`

describe('a request whose end can be seen in two places', () => {
  const chunked = 'transfer-encoding: chunked'
  const end = '0\r\n\r\n'
  it.each([
    ['a length, then chunks', ['content-length: 5', chunked], end],
    ['chunks, then a length', [chunked, 'content-length: 5'], end],
    ['two lengths', ['content-length: 0', 'content-length: 42'], ''],
    ['two equal lengths', ['content-length: 2', 'content-length: 2'], '{}'],
    ['a list of lengths', ['content-length: 2, 2'], '{}'],
    ['a length with a sign', ['content-length: +2'], '{}'],
    ['a length in hex', ['content-length: 0x2'], '{}'],
    ['a length with a blank inside', ['content-length: 1 2'], '{}'],
    ['a length beyond all numbers', ['content-length: 18446744073709551618'], '{}'],
    ['an empty length', ['content-length:'], '{}'],
    ['a blank before the colon of a length', ['content-length : 2'], '{}'],
    ['a blank before the colon of an encoding', ['transfer-encoding : chunked'], end],
    ['a folded encoding', ['transfer-encoding:', ' chunked'], end],
    ['chunks by another name', ['transfer-encoding: xchunked'], end],
    ['chunks with a parameter', ['transfer-encoding: chunked;q=1'], end],
    ['chunks with quotes', ['transfer-encoding: "chunked"'], end],
    ['chunks and something after', ['transfer-encoding: chunked, x'], end],
    ['chunks twice', [chunked, chunked], end],
    ['chunks, then identity', [chunked, 'transfer-encoding: identity'], end],
    ['chunks with a vertical tab', ['transfer-encoding: \x0bchunked'], end],
    ['a name with a null byte', ['content-length\x00: 2'], '{}'],
    ['a bare line feed before chunks', [`x-a: b\n${chunked}`], end],
    ['a bare carriage return before chunks', [`x-a: b\r${chunked}`], end],
    ['chunk sizes that end in line feeds', [chunked], '2\n{}\n0\n\n'],
    ['a chunk size with a sign', [chunked], '+2\r\n{}\r\n0\r\n\r\n'],
    ['a chunk size in C', [chunked], '0x2\r\n{}\r\n0\r\n\r\n'],
    ['a chunk size with a blank', [chunked], '2 \r\n{}\r\n0\r\n\r\n'],
    ['a chunk size beyond all numbers', [chunked], '10000000000000002\r\n{}\r\n0\r\n\r\n'],
    ['a chunk without its end', [chunked], '2\r\n{}0\r\n\r\n'],
    ['a line feed in a chunk extension', [chunked], '2;a\n{}\r\n0\r\n\r\n'],
    ['an endless chunk extension', [chunked], `2;${'a'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`],
    ['a length in a trailer', [chunked], '2\r\n{}\r\n0\r\ncontent-length: 99\r\n\r\n'],
    ['a folded trailer', [chunked], '2\r\n{}\r\n0\r\nx-a: b\r\n folded\r\n\r\n'],
  ])('is refused once, and the connection closed: %s', async (_what, headers, body) => {
    const text = await rawExchange(gateway.port, smuggle(headers, body))
    const { status } = parseRawAnswer(text)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
    expect(answersIn(text)).toBe(1)
  })

  it.each([
    ['a length', ['content-length: 2'], '{}'],
    ['chunks', [chunked], '2\r\n{}\r\n0\r\n\r\n'],
    ['chunks in capitals', ['Transfer-Encoding: CHUNKED'], '2\r\n{}\r\n0\r\n\r\n'],
    ['a chunk extension', [chunked], '2;a=b\r\n{}\r\n0\r\n\r\n'],
    ['a trailer', [chunked], '2\r\n{}\r\n0\r\nx-a: b\r\n\r\n'],
  ])('has one end with %s: the next is a request like any other', async (_what, headers, body) => {
    const bytes = smuggle(headers, body).replace('host: hidden', 'host: x\r\nconnection: close')
    const text = await rawExchange(gateway.port, bytes)
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 400', 'HTTP/1.1 200'])
  })
})

describe('a compressed body', () => {
  it.each(['gzip', 'br', 'deflate', 'zstd'])(
    'is answered before it comes: %s',
    async (encoding) => {
      const socket = await testSocket(gateway.port)
      const head = httpLines(`POST ${COMPLETIONS} HTTP/1.1`, 'host: x') + clientLines()
      socket.write(`${head}content-encoding: ${encoding}\r\ncontent-length: 10000000\r\n\r\n`)
      const [text] = (await once(socket, 'data')) as [Buffer]
      expect(parseRawAnswer(String(text)).status).toBe(415)
    },
  )

  it('that would unpack to a thousand times its size is not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000))
    const answer = await post(gateway, bomb, { 'content-encoding': 'gzip' })
    refusalOf(answer, 415)
    // Nor when it does not say what it is.
    expect((await post(gateway, bomb)).status).toBe(400)
  })
})

describe('a caller that asks for another protocol', () => {
  it.each(['h2c', 'websocket'])('goes on in HTTP/1.1: Upgrade: %s', async (protocol) => {
    const text = await rawExchange(
      gateway.port,
      httpLines(
        'GET /health HTTP/1.1',
        'host: x',
        'connection: upgrade, close',
        `upgrade: ${protocol}`,
      ) + httpLines('http2-settings: AAMAAABkAAQCAAAAAAIAAAAA', 'sec-websocket-key: eA==', ''),
    )
    expect(parseRawAnswer(text).status).toBe(200)
    expect(answersIn(text)).toBe(1)
  })

  it('is served over HTTP/1.0, and the connection closed', async () => {
    const body = Buffer.from(await seal(chat('1.0')))
    const head = httpLines(`POST ${COMPLETIONS} HTTP/1.0`) + clientLines()
    const bytes = `${head}content-length: ${body.length}\r\n\r\n${body.toString('latin1')}`
    const text = await rawExchange(gateway.port, Buffer.from(bytes, 'latin1'))
    expect(parseRawAnswer(text).status).toBe(200)
    expect(answersIn(text)).toBe(1)
  })

  it('is asked for the body where it expects that', async () => {
    const body = Buffer.from(await seal(chat('expected')))
    const socket = await testSocket(gateway.port)
    const head = httpLines(`POST ${COMPLETIONS} HTTP/1.1`, 'host: x') + clientLines()
    socket.write(`${head}expect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n`)
    expect(String((await once(socket, 'data'))[0])).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    socket.write(body)
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('by a method of any length is refused', async () => {
    for (const method of ['A'.repeat(100), 'A'.repeat(100_000), 'QUERY', 'GETT', 'GE\x00T']) {
      const text = await rawExchange(
        gateway.port,
        httpLines(`${method} /health HTTP/1.1`, 'host: x', 'connection: close', ''),
      )
      expect(parseRawAnswer(text).status).toBeGreaterThanOrEqual(400)
      expect(parseRawAnswer(text).status).toBeLessThan(500)
    }
  })
})

it('has reported no fault of its own at the end', async () => {
  await expectAlive(gateway)
  expect(gateway.log()).not.toMatch(/"status":5\d\d|"level":50/)
})

describe('callers that keep their side open', () => {
  const limits = {
    ...{ maxRequests: 1, maxConnections: 4, maxConnectionsPerAddress: 4 },
  }

  /** Connections whose callers read everything and never close. */
  const halfOpen = (port: number, text: string): Promise<Socket[]> =>
    Promise.all(
      Array.from({ length: 4 }, async () => {
        const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
        onTestFinished(() => void socket.destroy())
        socket.on('error', () => undefined).resume()
        await once(socket, 'connect')
        socket.write(text)
        return socket
      }),
    )

  const unfinished = `${completionHead(clientLines().trimEnd(), 'content-length: 9')}x`

  it.each([
    ['with a request that never ends', unfinished],
    ['with headers that never end', 'GET /health HTTP/1.1\r\nhost: x\r\n'],
    ['with nothing', ''],
    ['with a wrong length', unfinished.replace('content-length: 9', 'content-length: x')],
    ['with a refused request', `GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx`],
    ['with an expectation', `GET / HTTP/1.1\r\nhost: x\r\nexpect: x\r\n\r\n`],
  ])('%s occupy neither places nor connections', async (_what, text) => {
    const target = await testGateway({ config: { load: { ...limits, requestTimeoutMs: 300 } } })
    const sockets = await halfOpen(target.port, text)
    // Every connection was taken, and the place: this one gets in once they are free.
    await expect
      .poll(() => statusOf(send(target)).catch(() => undefined), { timeout: 10_000 })
      .toBe(200)
    await expect
      .poll(() => sockets.every((socket) => socket.readableEnded), { timeout: 10_000 })
      .toBe(true)
  })
})
