import { once } from 'node:events'
import { connect } from 'node:net'
import { shared } from '@nomyo-internal/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { ask, caller, complete, hello, newProxy, refusalCode, useGateway } from './support.js'

const gateway = useGateway()
const proxy = shared(() => newProxy(gateway()))
const KIND = { authorization: caller()['authorization'] ?? '' }

// After any request, the next caller is served.
afterEach(async () => {
  expect((await complete(proxy())).status).toBe(200)
})

const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

describe('an unusable body', () => {
  it.each([
    ['nothing', ''],
    ['not JSON', 'model=m'],
    ['half of it', hello().slice(0, -2)],
    ['null', 'null'],
    ['an array', `[${hello()}]`],
    ['a text', '"hello"'],
    ['a number', '1e999'],
    ['no model', '{"messages":[{"role":"user","content":"hi"}]}'],
    ['an empty model', hello({ model: '' })],
    ['a model that is not text', hello({ model: {} })],
    ['no messages', '{"model":"m"}'],
    ['empty messages', hello({ messages: [] })],
    ['messages that are not a list', hello({ messages: { role: 'user' } })],
    ['an unknown tier', hello({ security_tier: 'highest' })],
    ['deep nesting', `{"model":"m","messages":[{"role":"user","content":${deep(100_000)}}]}`],
    ['deep nesting throughout', deep(200_000)],
    ['a prototype', '{"__proto__":{"model":"m","messages":[1]}}'],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
  ])('%s gets a 400', async (_, body) => {
    expect(refusalCode(await complete(proxy(), body), 400)).toBe('ERR_INVALID_REQUEST')
  })

  it('larger than can be encrypted gets a 413, much larger too', async () => {
    const content = (bytes: number): string =>
      hello({ messages: [{ role: 'user', content: 'x'.repeat(bytes) }] })
    const sealable = await complete(proxy(), content(10 * 2 ** 20 - 1000))
    expect(sealable.status).toBe(200)
    const over = await complete(proxy(), content(10 * 2 ** 20))
    expect(refusalCode(over, 413)).toBe('ERR_REQUEST_TOO_LARGE')
    const far = await complete(proxy(), content(11 * 2 ** 20))
    expect(refusalCode(far, 413)).toBe('ERR_REQUEST_TOO_LARGE')
  })

  it.each([
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/json; charset=utf-8', 200],
    ['', 415],
  ])('as %s gets a %i: forms of web pages are refused', async (type, status) => {
    expect((await complete(proxy(), hello(), { 'content-type': type })).status).toBe(status)
  })
})

describe('a request outside the routes', () => {
  it.each([
    ['POST', '/v1/moderations'],
    ['GET', '/'],
    ['GET', '/v1/chat/completions/'],
    ['DELETE', '/v1/files/1'],
    ['GET', '/*'],
  ])('%s %s gets a 404', async (method, path) => {
    const answer = await ask(proxy().url + path, { method, headers: KIND })
    expect(refusalCode(answer, 404)).toBe('ERR_NOT_FOUND')
  })

  it('learns the paths that are served, without those that are always refused', async () => {
    const { body } = await ask(`${proxy().url}/v1/files`, { headers: KIND })
    expect(body).toContain('/v1/embeddings')
    expect(body).not.toContain('count_tokens')
  })

  it.each([
    ['GET', '/v1/chat/completions', 'POST'],
    ['PUT', '/v1/chat/completions?x', 'POST'],
    ['POST', '/v1/models', 'GET'],
    ['DELETE', '/health', 'GET'],
  ])('%s %s gets a 405', async (method, path, allowed) => {
    const answer = await ask(proxy().url + path, { method, headers: KIND })
    expect(refusalCode(answer, 405)).toBe('ERR_METHOD_NOT_ALLOWED')
    expect(answer.headers.allow).toBe(allowed)
  })

  it.each([
    ['a malformed URL', 'GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['no Host', 'GET /health HTTP/1.1\r\n\r\n', 403],
    ['an empty Host', 'GET /health HTTP/1.1\r\nHost:\r\n\r\n', 403],
    ['no Host, HTTP/1.0', 'GET /health HTTP/1.0\r\n\r\n', 403],
    [
      'headers without an end',
      `GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(99_999)}`,
      431,
    ],
    [
      'two lengths',
      'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
  ])('%s is refused', async (_, text, status) => {
    const answer = await raw(text)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({
      error: { type: expect.any(String), param: null, code: expect.any(String) },
    })
  })
})

describe('a caller that keeps its side open', () => {
  it.each([
    ['malformed HTTP', 'hello\r\n\r\n', 400],
    ['an expectation', 'GET /health HTTP/1.1\r\nHost: localhost\r\nExpect: x\r\n\r\n', 417],
  ])('loses its connection after %s', async (_what, text, status) => {
    const port = Number(new URL(proxy().url).port)
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    let received = ''
    socket.setEncoding('utf8').on('data', (part: string) => (received += part))
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write(text)
    await once(socket, 'end')
    expect(received).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*"code":"ERR_BAD_REQUEST"`))
    // Nothing receives what is still sent: the proxy has closed both sides.
    await expect
      .poll(() => {
        if (!socket.destroyed) socket.write('x')
        return socket.destroyed
      })
      .toBe(true)
  })
})

describe('the body of a refused request', () => {
  it.each([
    ['POST /v1/moderations', '', 404],
    ['POST /v1/embeddings', '', 401],
    ['POST /v1/audio/transcriptions', '', 401],
    ['POST /v1/messages', '', 401],
    ['POST /v1/messages/count_tokens', '', 401],
    ['PUT /v1/chat/completions', '', 405],
    ['POST /v1/models', '', 405],
    ['POST /v1/chat/completions', '', 401],
    ['GET /v1/models', '', 401],
    ['POST /v1/chat/completions', 'Origin: https://evil.example\r\n', 403],
  ])('%s %s gets its %i without being read', async (start, header, status) => {
    const answer = await raw(
      `${start} HTTP/1.1\r\nHost: localhost\r\n${header}Content-Type: application/json\r\n` +
        'Content-Length: 1000\r\n\r\n',
    )
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  })
})

describe('what curl sends', () => {
  it('is answered, with an id that is also in the log', async () => {
    const { status, headers, body } = await complete(proxy())
    expect(status).toBe(200)
    expect(JSON.parse(body)).toMatchObject({ choices: [{ message: { content: 'Hello!' } }] })
    await expect.poll(() => proxy().log()).toContain(`payloadId=${String(headers['x-request-id'])}`)
  })

  it('can name a tier in a header', async () => {
    const { body } = await complete(proxy(), hello(), { 'x-security-tier': 'maximum' })
    expect(JSON.parse(body)).toMatchObject({ _metadata: { security_tier: 'maximum' } })
    const wrong = await complete(proxy(), hello(), { 'x-security-tier': 'most' })
    expect(refusalCode(wrong, 400)).toBe('ERR_INVALID_REQUEST')
  })

  it('can wait with Expect: 100-continue', async () => {
    const body = hello()
    const text =
      `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${KIND.authorization}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n` +
      `Connection: close\r\n\r\n`
    expect(await raw(text, body)).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/)
  })
})

/** Sends bytes, and the rest once an answer begins; returns everything received with the last answer. */
async function raw(text: string, rest?: string): Promise<string> {
  const socket = connect(Number(new URL(proxy().url).port), '127.0.0.1')
  let received = ''
  socket.setEncoding('utf8').on('data', (part: string) => {
    if (received === '' && rest !== undefined) socket.write(rest)
    received += part
    if (isComplete(received)) socket.end()
  })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(text)
  await once(socket, 'close')
  return received
}

/** Checks for an answer whose body is as long as it declares. */
function isComplete(received: string): boolean {
  const length = /^content-length: (\d+)$/im.exec(received)?.[1]
  const body = received.split('\r\n\r\n').at(-1) ?? ''
  return length !== undefined && body.length >= Number(length)
}
