import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import {
  chat,
  clientLines,
  complete,
  COMPLETIONS,
  expectAlive,
  expectEcho,
  fileGateway,
  parseRawAnswer,
  post,
  rawExchange,
  refusalOf,
  seal,
  send,
  testSocket,
} from './support.js'

const MAX_BODY = 64 * 1024

const gateway = await fileGateway({ args: ['--engine', 'demo', '--max-body', '64KiB'] })

const raw = (head: string, body = ''): string =>
  `${head.replaceAll(/\r?\n/g, '\r\n')}\r\n\r\n${body}`
const get = (target: string, headers = ''): string =>
  raw(`GET ${target} HTTP/1.1\nhost: x\nconnection: close${headers}`)
const postHead = (headers: string, body = ''): string =>
  raw(`POST ${COMPLETIONS} HTTP/1.1\nhost: x\nconnection: close\n${headers}`, body)
const sealedType = 'content-type: application/octet-stream'

/** Bytes without a pattern, the same in every run. */
const noise = (seed: number, blocks: number): Buffer =>
  Buffer.concat(
    Array.from({ length: blocks }, (_, block) =>
      createHash('sha256').update(`${seed} ${block}`).digest(),
    ),
  )

/** Every answer is a refusal of the caller in the documented shape; some garbage gets none at all. */
function expectRefusal(text: string): number | undefined {
  if (text === '') return undefined
  const { status, headers, body } = parseRawAnswer(text)
  expect(status).toBeGreaterThanOrEqual(400)
  expect(status).toBeLessThan(500)
  expect(headers).toContain('content-type: application/json')
  const refusal = JSON.parse(body) as { detail: unknown }
  expect(Object.keys(refusal)).toEqual(['detail'])
  expect(refusal.detail).toBeTypeOf('string')
  expect(refusal.detail).not.toMatch(/node:|node_modules|\.[jt]s:\d|FST_|HPE_/)
  return status
}

describe('what is no HTTP', () => {
  it('is refused or dropped: bytes without a pattern', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const bytes = noise(seed, 1 + (seed % 10) ** 2)
      expectRefusal(await rawExchange(gateway.port, bytes, { halfClose: true }))
    }
    await expectAlive(gateway)
  })

  it.each([
    ['a TLS greeting', Buffer.from('16030100a5010000a10303', 'hex')],
    ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['a null byte first', Buffer.from('\0GET / HTTP/1.1\r\n\r\n')],
    ['line feeds only', 'GET /health HTTP/1.1\nhost: x\n\n'],
    ['a version of the future', 'GET /health HTTP/3.0\r\nhost: x\r\n\r\n'],
    ['an unknown method', 'NOMYO /health HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['a method in lower case', 'get /health HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['no method', ' /health HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['blanks in the request line', 'GET /health x HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['a null byte in the path', 'GET /hea\0lth HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['a null byte in a header', get('/health', '\nx-a: a\0b')],
    ['a header without a name', get('/health', '\n: value')],
    ['a blank before the colon', get('/health', '\nx-a : value')],
    ['a folded header', get('/health', '\nx-a: one\n two')],
    ['a control character as type', postHead('content-type: \u0001\ncontent-length: 2', '{}')],
    ['a negative length', postHead(`${sealedType}\ncontent-length: -5`, 'abc')],
    ['a length that is no number', postHead(`${sealedType}\ncontent-length: 5x`, 'abcde')],
    ['two lengths', postHead(`${sealedType}\ncontent-length: 5\ncontent-length: 6`, 'abcdef')],
    [
      'a length and chunks',
      postHead(`${sealedType}\ncontent-length: 5\ntransfer-encoding: chunked`, '0\r\n\r\n'),
    ],
    ['chunks that are not last', postHead('transfer-encoding: chunked, identity', '0\r\n\r\n')],
    [
      'a chunk size that is no number',
      postHead(`${sealedType}\ntransfer-encoding: chunked`, 'zz\r\nabc\r\n0\r\n\r\n'),
    ],
    [
      'a chunk size beyond all numbers',
      postHead(`${sealedType}\ntransfer-encoding: chunked`, `${'f'.repeat(20)}\r\nabc\r\n`),
    ],
    [
      'a chunk longer than its size',
      postHead(`${sealedType}\ntransfer-encoding: chunked`, '2\r\nabcdef\r\n0\r\n\r\n'),
    ],
  ])('is answered with 400: %s', async (_what, bytes) => {
    expect(expectRefusal(await rawExchange(gateway.port, bytes))).toBe(400)
    await expectAlive(gateway)
  })

  it.each([
    ['one huge header', get('/health', `\nx-a: ${'a'.repeat(100_000)}`)],
    ['many small headers', get('/health', '\nx-a: 1234567890'.repeat(5000))],
    ['a huge path', get(`/${'a'.repeat(100_000)}`)],
  ])('is answered with 431: %s', async (_what, bytes) => {
    expect(expectRefusal(await rawExchange(gateway.port, bytes))).toBe(431)
    await expectAlive(gateway)
  })

  it.each([
    ['in the request line', 'GET /heal'],
    ['in the headers', 'GET /health HTTP/1.1\r\nhost: x\r\n'],
    ['in the body', postHead(`${sealedType}\ncontent-length: 100`, 'ten bytes.')],
    ['in a chunk', postHead(`${sealedType}\ntransfer-encoding: chunked`, '64\r\nten bytes.')],
    ['before the first byte', ''],
  ])('is dropped when it ends early: %s', async (_where, bytes) => {
    expectRefusal(await rawExchange(gateway.port, bytes, { halfClose: true }))
    const socket = await testSocket(gateway.port)
    socket.write(bytes, () => socket.resetAndDestroy())
    await once(socket, 'close')
    await expectAlive(gateway)
  })
})

describe('HTTP that asks for what is not there', () => {
  it.each([
    ['an unknown path', get('/nowhere')],
    ['HTTP/0.9', 'GET /nowhere\r\n\r\n'],
    ['the root', get('/')],
    ['an absolute URL', get('http://elsewhere/nowhere')],
    ['an absolute URL without a path', get('http://elsewhere')],
    ['an absolute URL of another scheme', get('gopher://elsewhere/health')],
    ['everything', raw('OPTIONS * HTTP/1.1\nhost: x\nconnection: close')],
    ['a path above the root', get('/../../etc/passwd')],
    ['an encoded path above the root', get('/%2e%2e/%2e%2e/etc/passwd')],
    ['a member of every object', get('/__proto__')],
    ['a slash too many', get('//health')],
    ['a slash at the end', get('/health/')],
    ['capital letters', get('/HEALTH')],
    ['a very long path', get(`/${'a'.repeat(10_000)}`)],
    ['a pattern of routers', get('/a*b')],
    ['a pattern with an open bracket', get('/:a(b')],
    ['a pattern as the whole target', raw('DELETE *a HTTP/1.1\nhost: x\nconnection: close')],
  ])('is answered with 404: %s', async (_what, bytes) => {
    expect(expectRefusal(await rawExchange(gateway.port, bytes))).toBe(404)
  })

  it.each(['/%zz', '/health%2', '/%ff%fe', '/%c0%af', '/%'])(
    'is answered with 400 where the path cannot be decoded: %s',
    async (path) => {
      expect(expectRefusal(await rawExchange(gateway.port, get(path)))).toBe(400)
    },
  )

  it('is answered as usual where it is only unusual', async () => {
    for (const bytes of [
      get('http://elsewhere/health'),
      get('/health?%zz=%ff'),
      'GET /health HTTP/1.0\r\n\r\n',
    ]) {
      expect(parseRawAnswer(await rawExchange(gateway.port, bytes)).status).toBe(200)
    }
  })

  it('is answered in words where it lacks Host or expects too much', async () => {
    const withoutHost = await rawExchange(
      gateway.port,
      'GET /health HTTP/1.1\r\nconnection: close\r\n\r\n',
    )
    expect(expectRefusal(withoutHost)).toBe(400)
    const expecting = await rawExchange(gateway.port, get('/health', '\nexpect: miracles'))
    expect(expectRefusal(expecting)).toBe(417)
  })

  it.each([
    ['/pki/public_key', 'POST', 'GET'],
    ['/pki/public_key', 'DELETE', 'GET'],
    ['/pki/public_key', 'OPTIONS', 'GET'],
    ['/health', 'PUT', 'GET'],
    ['/health', 'PATCH', 'GET'],
    ['/health', 'TRACE', 'GET'],
    ['/health', 'PROPFIND', 'GET'],
    [COMPLETIONS, 'GET', 'POST'],
    [COMPLETIONS, 'PUT', 'POST'],
    [COMPLETIONS, 'DELETE', 'POST'],
    [`${COMPLETIONS}?a=b`, 'GET', 'POST'],
  ])('is answered with 405: %s %s', async (path, method, allowed) => {
    const bytes = raw(`${method} ${path} HTTP/1.1\nhost: x\nconnection: close`)
    const text = await rawExchange(gateway.port, bytes)
    expect(expectRefusal(text)).toBe(405)
    expect(parseRawAnswer(text).headers.split('\r\n')).toContain(`allow: ${allowed.toLowerCase()}`)
  })

  it('is left without an answer where it asks for a tunnel', async () => {
    expect(await rawExchange(gateway.port, 'CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n')).toBe('')
    await expectAlive(gateway)
  })
})

describe('a body', () => {
  it.each([
    'application/json',
    'text/plain',
    'application/octet-streams',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    ';;;',
    '',
  ])('of another type is answered with 415: %j', async (type) => {
    refusalOf(await send(gateway, chat('Hello!'), { 'content-type': type }), 415)
  })

  it('without a type is answered with 415', async () => {
    const text = await rawExchange(gateway.port, postHead('content-length: 2', '{}'))
    expect(expectRefusal(text)).toBe(415)
  })

  it('of the right type may say more about it', async () => {
    const completion = await complete(gateway, chat('Hello!'), {
      'content-type': 'Application/Octet-Stream; charset=binary',
      'content-encoding': 'identity',
    })
    expect(completion.choices[0].message.content).toBe('Hello!')
  })

  it.each(['gzip', 'br', 'deflate', 'identity, gzip', 'x', ''])(
    'that is encoded is answered with 415: %j',
    async (encoding) => {
      const headers = { 'content-encoding': encoding }
      refusalOf(await send(gateway, chat('Hello!'), headers), 415)
    },
  )

  it('that is empty is answered with 400', async () => {
    const answer = await post(gateway, '')
    refusalOf(answer, 400)
    const absent = await rawExchange(gateway.port, postHead(clientLines().trimEnd()))
    expect(expectRefusal(absent)).toBe(400)
  })

  it('up to the limit is read', async () => {
    const answer = await post(gateway, 'x'.repeat(MAX_BODY))
    expect(answer.status).toBe(400)
  })

  it.each([
    ['POST /nothing', 404],
    ['POST /v1/models', 405],
  ])('of %s is not waited for', async (line, status) => {
    const head = 'host: x\r\ncontent-type: application/octet-stream\r\ncontent-length: 1000000\r\n'
    const socket = await testSocket(gateway.port)
    socket.write(`${line} HTTP/1.1\r\n${head}\r\n`)
    const [text] = (await once(socket, 'data')) as [Buffer]
    expect(parseRawAnswer(String(text)).status).toBe(status)
  })

  it('announced to be too large is answered with 413, before it comes', async () => {
    for (const size of [MAX_BODY + 1, 10 ** 10]) {
      const bytes = postHead(`${sealedType}\ncontent-length: ${size}`)
      expect(expectRefusal(await rawExchange(gateway.port, bytes))).toBe(413)
    }
    await expectAlive(gateway)
  })

  it('that turns out too large is answered with 413', async () => {
    const chunk = `2000\r\n${'x'.repeat(0x2000)}\r\n`
    const chunks = chunk.repeat(MAX_BODY / 0x2000 + 1)
    const bytes = postHead(`${sealedType}\ntransfer-encoding: chunked`, chunks)
    expect(expectRefusal(await rawExchange(gateway.port, bytes))).toBe(413)
    await expectAlive(gateway)
  })

  it('without end is not read on', async () => {
    const socket = await testSocket(gateway.port)
    socket.write(postHead(`${sealedType}\ntransfer-encoding: chunked`))
    const most = 1000 * MAX_BODY
    let sent = 0
    for (; !socket.closed && sent < most; sent += 0x2000) {
      if (socket.writable) socket.write(`2000\r\n${'x'.repeat(0x2000)}\r\n`)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(sent).toBeLessThan(most)
    await expectAlive(gateway)
  })
})

describe('many at once', () => {
  it('each get their own content, 50 good requests', async () => {
    const contents = Array.from({ length: 50 }, (_, number) => `content of request ${number}`)
    const answers = await Promise.all(
      contents.map(async (content, number) => {
        const headers = { 'x-payload-id': `payload-${number}` }
        const completion = await complete(gateway, chat(content), headers)
        return [completion._metadata['payload_id'], completion.choices[0].message.content]
      }),
    )
    expect(answers).toEqual(contents.map((content, number) => [`payload-${number}`, content]))
  })

  it('are served between garbage', async () => {
    const garbage = Array.from({ length: 20 }, (_, seed) =>
      rawExchange(gateway.port, noise(seed + 100, 40), { halfClose: true }),
    )
    await Promise.all(Array.from({ length: 20 }, (_, number) => expectEcho(gateway, `${number}`)))
    for (const text of await Promise.all(garbage)) expectRefusal(text)
  })

  it('come over one connection one after the other', async () => {
    const request = async (connection: string): Promise<Buffer> => {
      const body = Buffer.from(await seal(chat('pipelined')))
      return Buffer.concat([
        Buffer.from(
          raw(
            `POST ${COMPLETIONS} HTTP/1.1\nhost: x\nconnection: ${connection}\n${clientLines()}` +
              `content-length: ${body.length}`,
          ),
        ),
        body,
      ])
    }
    const bytes = await Promise.all(['keep-alive', 'keep-alive', 'close'].map(request))
    const text = await rawExchange(gateway.port, Buffer.concat(bytes))
    expect(text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3)
  })
})

it('has reported no fault of its own at the end', () => {
  expect(gateway.log()).not.toMatch(/"status":5\d\d|request failed/)
})
