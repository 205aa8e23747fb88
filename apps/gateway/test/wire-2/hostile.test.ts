import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { PROBLEM_TYPES, GATEWAY_PATH, MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  chat,
  expectAlive,
  fileGateway,
  httpLines,
  rawExchange,
  startGateway,
  testGateway,
  type Answer,
} from '../support.js'
import { flipBit, joinBody, sealInChunks, varint, type BodyParts } from './bodies.js'
import { keyConfigOf, hybridKem, messageOf, openInner, postSealed, sealMessage } from './client.js'
import { classicKem, testExchange } from './in-process.js'

const CANARY = 'canary-of-the-plaintext'
const API_KEY = `key-with-a-${CANARY}`
const gateway = await fileGateway({
  args: ['--engine', 'demo', '--api-key', API_KEY, '--log-level', 'debug', '--max-body', '1MiB'],
})
const config = await keyConfigOf(gateway)
const fields = { authorization: `Bearer ${API_KEY}` }

/** A request in chunks of these lengths. */
const sealed = (lengths: readonly number[], content: unknown = chat(CANARY)): Promise<BodyParts> =>
  sealInChunks(hybridKem, config, messageOf({ fields, content }), lengths)

const keyProblem = { type: PROBLEM_TYPES.key, title: 'key configuration not usable' }

/** Checks that an answer is the one for everything that cannot be decrypted. */
function expectKeyProblem({ status, headers, bytes }: Answer): void {
  expect(status).toBe(400)
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/)
  expect(JSON.parse(Buffer.from(bytes).toString())).toEqual(keyProblem)
}

/** Sends a body, and returns the status inside the answer. */
async function innerStatus(
  body: Uint8Array,
  { openAnswer }: Pick<BodyParts, 'openAnswer'>,
): Promise<number> {
  return (await openInner(await postSealed(gateway, body), openAnswer())).status
}

const replaced = (chunks: readonly Uint8Array[], at: number, chunk: Uint8Array) =>
  chunks.map((one, index) => (index === at ? chunk : one))

describe('of a request in one chunk', () => {
  it('every prefix is refused outside', async () => {
    const whole = joinBody(await sealed([]))
    const lengths = [
      ...Array.from({ length: 9 }, (_, at) => at),
      ...Array.from({ length: 40 }, (_, at) => 9 + Math.floor((at * (whole.length - 9)) / 40)),
      whole.length - 1,
    ]
    for (const length of lengths)
      expectKeyProblem(await postSealed(gateway, whole.slice(0, length)))
  })

  it('every bit of the header, and bits of all other parts, decide', async () => {
    const parts = await sealed([])
    const body = joinBody(parts)
    const encEnd = parts.header.length + parts.enc.length
    const bits = [
      ...Array.from({ length: 8 * parts.header.length }, (_, bit) => bit),
      ...Array.from({ length: 30 }, (_, at) => 8 * parts.header.length + at * 293),
      // Of the X25519 part, the length of the chunk, and the tag.
      ...Array.from({ length: 8 }, (_, at) => 8 * (encEnd - 32) + at * 31),
      ...Array.from({ length: 8 }, (_, bit) => 8 * encEnd + bit),
      ...Array.from({ length: 128 }, (_, bit) => 8 * (body.length - 16) + bit),
    ]
    const lane = async (): Promise<void> => {
      for (let bit = bits.pop(); bit !== undefined; bit = bits.pop()) {
        expectKeyProblem(await postSealed(gateway, flipBit(body, bit)))
      }
    }
    await Promise.all(Array.from({ length: 8 }, lane))
    expect(await innerStatus(body, parts)).toBe(200)
  })

  it.each([
    [
      'bytes after the end',
      async () => Buffer.concat([joinBody(await sealed([])), Buffer.alloc(1)]),
    ],
    ['nothing', () => Promise.resolve(Buffer.alloc(0))],
    ['zeros', () => Promise.resolve(Buffer.alloc(4096))],
    ['noise', () => Promise.resolve(Buffer.alloc(4096, 'noise'))],
    [
      'a first chunk of no content',
      async () => {
        const { header, enc, chunks } = await sealed([0])
        return joinBody({ header, enc, chunks })
      },
    ],
    [
      'a first chunk that is too large',
      async () => joinBody(await sealed([16_385], filling(20_000))),
    ],
    [
      'a final first chunk that is too large',
      async () => joinBody(await sealed([], filling(17_000))),
    ],
    [
      'a length of 2^62 - 1',
      async () => {
        const { header, enc } = await sealed([])
        return Buffer.concat([header, enc, Buffer.alloc(8, 0xff), Buffer.alloc(64)])
      },
    ],
  ])('%s is refused outside', async (_name, body) => {
    expectKeyProblem(await postSealed(gateway, await body()))
  })
})

/** A chat request whose JSON has about this many bytes. */
const filling = (bytes: number): object => chat('x'.repeat(bytes))

describe('of a request in several chunks', () => {
  const LENGTHS = [400, 30, 30] as const

  it('all are one request, also where they are as large as they may be', async () => {
    const requests = [
      [LENGTHS, 1],
      [[16_384, 131_072], 200_000],
      [[16_384, 1, 1], 70_000],
      [[400, 1, 131_072], 140_000],
    ] as const
    for (const [lengths, size] of requests) {
      const parts = await sealed(lengths, filling(size))
      expect(await innerStatus(joinBody(parts), parts)).toBe(200)
    }
  })

  it.each([2, 4, 8])('lengths may be %s bytes wide', async (width) => {
    const parts = await sealed(LENGTHS)
    expect(await innerStatus(joinBody(parts, { width }), parts)).toBe(200)
  })

  it.each<[string, (parts: BodyParts) => Uint8Array]>([
    [
      'one is swapped',
      ({ chunks: [a, b, c, d], ...rest }) => joinBody({ ...rest, chunks: [a!, c!, b!, d!] }),
    ],
    [
      'one is missing',
      ({ chunks: [a, , c, d], ...rest }) => joinBody({ ...rest, chunks: [a!, c!, d!] }),
    ],
    [
      'one is doubled',
      ({ chunks: [a, b, c, d], ...rest }) => joinBody({ ...rest, chunks: [a!, b!, b!, c!, d!] }),
    ],
    [
      'the final one comes early',
      ({ chunks: [a, b], ...rest }) => joinBody({ ...rest, chunks: [a!, b!] }),
    ],
    ['the final one is not marked', (parts) => joinBody(parts, { isFinal: false })],
    [
      'the final one is missing',
      ({ chunks, ...rest }) =>
        joinBody({ ...rest, chunks: chunks.slice(0, -1) }, { isFinal: false }),
    ],
    [
      'the final one is empty',
      ({ chunks, ...rest }) =>
        Buffer.concat([
          joinBody({ ...rest, chunks: chunks.slice(0, -1) }, { isFinal: false }),
          varint(0),
        ]),
    ],
    [
      'an empty one comes between',
      ({ chunks: [a, ...others], ...rest }) =>
        joinBody({ ...rest, chunks: [a!, new Uint8Array(16), ...others] }),
    ],
    [
      'one is too large',
      ({ chunks: [a], ...rest }) =>
        Buffer.concat([
          joinBody({ ...rest, chunks: [a!] }, { isFinal: false }),
          varint(131_072 + 17),
          Buffer.alloc(140_000),
        ]),
    ],
    ['bytes follow', (parts) => Buffer.concat([joinBody(parts), Buffer.alloc(1)])],
    ['the end is cut off', (parts) => joinBody(parts).slice(0, -1)],
    [
      'a later tag has another bit',
      (parts) =>
        joinBody({
          ...parts,
          chunks: replaced(
            parts.chunks,
            1,
            flipBit(parts.chunks[1]!, 8 * parts.chunks[1]!.length - 1),
          ),
        }),
    ],
    [
      'a later text has another bit',
      (parts) =>
        joinBody({ ...parts, chunks: replaced(parts.chunks, 3, flipBit(parts.chunks[3]!, 0)) }),
    ],
  ])('nothing is answered where %s, and only the sender learns it', async (_name, change) => {
    const parts = await sealed(LENGTHS)
    expect(await innerStatus(change(parts), parts)).toBe(400)
  })

  it('a first one of another request is refused outside', async () => {
    const [parts, other] = [await sealed(LENGTHS), await sealed(LENGTHS)]
    const chunks = replaced(parts.chunks, 0, other.chunks[0]!)
    expectKeyProblem(await postSealed(gateway, joinBody({ ...parts, chunks })))
    const [a, b, ...others] = parts.chunks
    expectKeyProblem(await postSealed(gateway, joinBody({ ...parts, chunks: [b!, a!, ...others] })))
  })

  it('every prefix is refused: outside until the first one is whole, and inside from then on', async () => {
    const whole = joinBody(await sealed(LENGTHS))
    const firstEnd = 7 + 1120 + 2 + 416
    for (const length of [
      firstEnd - 1,
      firstEnd,
      firstEnd + 1,
      whole.length - 17,
      whole.length - 1,
    ]) {
      const parts = await sealed(LENGTHS)
      const prefix = joinBody(parts).slice(0, length)
      if (length < firstEnd) expectKeyProblem(await postSealed(gateway, prefix))
      else expect(await innerStatus(prefix, parts)).toBe(400)
    }
  })
})

describe('a message', () => {
  const asMessage = async (message: Uint8Array, lengths: readonly number[] = []) => {
    const parts = await sealInChunks(hybridKem, config, message, lengths)
    return innerStatus(joinBody(parts), parts)
  }

  it('that is no Binary HTTP is refused inside', async () => {
    const good = messageOf({ fields })
    for (const bad of [
      new Uint8Array(1),
      new Uint8Array([1, ...good.subarray(1)]),
      new Uint8Array([0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ...good]),
      new Uint8Array([...good, 1]),
      good.subarray(0, 200),
      new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n'),
      new Uint8Array(16_384).fill(0xff),
    ]) {
      expect(await asMessage(bad)).toBe(400)
    }
  })

  it('whose fields do not fit into the first chunk is refused inside', async () => {
    const message = messageOf({ fields, more: [['x-large', 'x'.repeat(20_000)]] })
    expect(await asMessage(message, [16_384])).toBe(400)
    expect(await asMessage(messageOf({ fields }), [20])).toBe(400)
  })

  it('may have its content in any chunk', async () => {
    const message = messageOf({ fields })
    for (const at of [350, 400, 450]) expect(await asMessage(message, [at])).toBe(200)
  })

  it('of indeterminate length is answered too', async () => {
    const text = (value: string) => [value.length, ...Buffer.from(value)]
    const content = Buffer.from(JSON.stringify(chat('x')))
    const message = new Uint8Array([
      2,
      ...['POST', 'https', '', '/v1/chat/completions'].flatMap(text),
      ...text('date'),
      ...text(new Date().toUTCString()),
      ...text('authorization'),
      ...text(fields.authorization),
      0,
      ...text(content.subarray(0, 10).toString()),
      ...[...content.subarray(10)].flatMap((byte) => [1, byte]),
      0,
    ])
    expect(await asMessage(message)).toBe(200)
  })

  it.each([
    ['of no JSON', 'x', 400],
    ['of no object', '[]', 400],
    ['of nothing', '', 400],
    ['without a model', '{"messages":[]}', 400],
    ['that is nested deeply', `{"a":${'['.repeat(300)}`, 400],
    ['with a member twice', '{"model":"a","model":"b","messages":[]}', 400],
  ])('%s is refused inside', async (_name, content, status) => {
    expect(await asMessage(messageOf({ fields, content: Buffer.from(content) }))).toBe(status)
  })
})

describe('a request in many pieces', () => {
  const MAX_PIECES = 65_536

  it.each([
    [MAX_PIECES, 400],
    [MAX_PIECES + 1, 413],
  ])('of content, %s of them: %s', async (count, status) => {
    const exchange = await testExchange()
    const text = (value: string) => Buffer.from([value.length, ...Buffer.from(value)])
    const message = Buffer.concat([
      Buffer.from([2]),
      ...['POST', 'https', '', '/v1/chat/completions'].map(text),
      text('date'),
      text(new Date().toUTCString()),
      Buffer.alloc(1),
      Buffer.alloc(2 * count, Buffer.from([1, 0x20])),
      Buffer.alloc(1),
    ])
    const parts = await sealInChunks(classicKem, exchange.classic, message, [16_384, 65_536])
    const answer = await postSealed(exchange, joinBody(parts))
    expect((await openInner(answer, parts.openAnswer())).status).toBe(status)
  })
})

describe('outside', () => {
  const post = async (headers: Record<string, string>, body: BodyInit = 'x', method = 'POST') =>
    (await fetch(gateway.url + GATEWAY_PATH, { method, headers, body })).status

  it.each([
    ['another type', { 'content-type': 'application/octet-stream' }, 415],
    ['a type of a request that is not chunked', { 'content-type': 'message/ohttp-req' }, 415],
    ['a compressed body', { 'content-type': MEDIA_TYPES.request, 'content-encoding': 'gzip' }, 415],
  ])('%s is refused', async (_name, headers, status) => {
    expect(await post(headers)).toBe(status)
  })

  it('only POST and GET exist', async () => {
    expect(await post({ 'content-type': MEDIA_TYPES.request }, 'x', 'PUT')).toBe(405)
    expect(await post({ 'content-type': MEDIA_TYPES.request }, 'x', 'DELETE')).toBe(405)
    const { headers } = await fetch(gateway.url + GATEWAY_PATH, { method: 'PUT' })
    expect(headers.get('allow')).toBe('GET, POST')
  })

  it('a body that is too large for what it holds is refused inside, with a length and without', async () => {
    const parts = await sealed(
      [400, ...Array.from({ length: 20 }, () => 60_000)],
      filling(1_300_000),
    )
    const body = joinBody(parts)
    const inside = await openInner(await postSealed(gateway, body), parts.openAnswer())
    expect(inside.status).toBe(413)
    const others = await sealed(
      [400, ...Array.from({ length: 20 }, () => 60_000)],
      filling(1_300_000),
    )
    const stream = new Blob([joinBody(others) as BlobPart]).stream()
    expect(
      (await openInner(await postSealed(gateway, stream as never), others.openAnswer())).status,
    ).toBe(413)
  })

  it('a body of zeros behind its message counts as well', async () => {
    const message = Buffer.concat([messageOf({ fields }), Buffer.alloc(1_200_000)])
    const lengths = [400, ...Array.from({ length: 19 }, () => 60_000)]
    const parts = await sealInChunks(hybridKem, config, message, lengths)
    const stream = new Blob([joinBody(parts) as BlobPart]).stream()
    const answer = await postSealed(gateway, stream as never)
    expect((await openInner(answer, parts.openAnswer())).status).toBe(413)
  })

  it('a body without a length is answered', async () => {
    const parts = await sealed([400])
    const stream = new Blob([joinBody(parts) as BlobPart]).stream()
    expect(
      (await openInner(await postSealed(gateway, stream as never), parts.openAnswer())).status,
    ).toBe(200)
  })

  it('an API key has no effect, and one inside is required', async () => {
    const { body, openAnswer } = await sealMessage(config, {})
    const answer = await postSealed(gateway, body, { authorization: `Bearer ${API_KEY}` })
    expect((await openInner(answer, openAnswer())).status).toBe(401)
  })
})

describe('a request that arrives slowly', () => {
  it('is refused outside before its first chunk, and inside afterwards', async () => {
    const slow = await testGateway({
      args: ['--engine', 'demo'],
      config: { load: { requestTimeoutMs: 1500 } },
    })
    const own = await keyConfigOf(slow)
    const parts = await sealInChunks(hybridKem, own, messageOf(), [400])
    const body = joinBody(parts)
    const drip = async (first: number): Promise<Buffer> => {
      const socket = connect({ port: slow.port, host: '127.0.0.1' })
      onTestFinished(() => void socket.destroy())
      const received: Buffer[] = []
      socket.on('data', (part: Buffer) => received.push(part)).on('error', () => undefined)
      socket.write(headOf(body))
      socket.write(body.slice(0, first))
      let at = first
      const timer = setInterval(() => socket.write(body.slice(at, ++at)), 100)
      await once(socket, 'data')
      clearInterval(timer)
      await setTimeout(50)
      return Buffer.concat(received)
    }
    const [outside, inside] = await Promise.all([drip(100), drip(7 + 1120 + 2 + 416 + 5)])
    expect(outside.toString('latin1')).toMatch(/^HTTP\/1\.1 408 /)
    expect(inside.toString('latin1')).toMatch(/^HTTP\/1\.1 200 /)
    const chunked = inside.subarray(inside.indexOf('\r\n\r\n') + 4)
    const bytes = unchunked(chunked)
    const headers = new Headers({ 'content-type': MEDIA_TYPES.answer })
    const answer = await openInner({ status: 200, headers, bytes }, parts.openAnswer())
    expect(answer.status).toBe(408)
  })
})

/** Head of a request over HTTP/1.1 with this body. */
const headOf = (body: Uint8Array) =>
  httpLines(
    `POST ${GATEWAY_PATH} HTTP/1.1`,
    'host: x',
    `content-type: ${MEDIA_TYPES.request}`,
    `content-length: ${body.length}`,
    '',
  )

/** Joins the chunks of a body of HTTP/1.1. */
function unchunked(body: Buffer): Uint8Array {
  const parts: Buffer[] = []
  for (let rest = body; ;) {
    const end = rest.indexOf('\r\n')
    const length = parseInt(rest.subarray(0, end).toString(), 16)
    if (!(length > 0)) return new Uint8Array(Buffer.concat(parts))
    parts.push(rest.subarray(end + 2, end + 2 + length))
    rest = rest.subarray(end + 4 + length)
  }
}

it('a caller that disconnects leaves nothing behind', async () => {
  const body = joinBody(await sealed([400]))
  for (const length of [0, 5, 600, 1600, body.length - 3]) {
    const socket = connect({ port: gateway.port, host: '127.0.0.1' }).on('error', () => undefined)
    await once(socket, 'connect')
    socket.write(headOf(body))
    socket.write(body.slice(0, length))
    await setTimeout(20)
    socket.destroy()
  }
  await expectAlive(gateway)
})

it('requests share a connection, whatever became of those before', async () => {
  const [bad, good] = [await sealed([400]), await sealed([400])]
  const requestOf = (body: Uint8Array, last = false) =>
    Buffer.concat([
      Buffer.from(
        httpLines(
          `POST ${GATEWAY_PATH} HTTP/1.1`,
          ...['host: x', `content-type: ${MEDIA_TYPES.request}`],
          `content-length: ${body.length}`,
          ...(last ? ['connection: close', ''] : ['']),
        ),
      ),
      body,
    ])
  const badBody = flipBit(joinBody(bad), 8 * 20)
  // Refused by its first byte, with more to come than is read at once.
  const unread = new Uint8Array(300_000).fill(0xee)
  const text = await rawExchange(
    gateway.port,
    Buffer.concat([requestOf(badBody), requestOf(unread), requestOf(joinBody(good), true)]),
  )
  expect([...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status)).toEqual([
    '400',
    '400',
    '200',
  ])
})

it('keys of before a restart open nothing, so that what was recorded is of no use', async () => {
  const first = await startGateway()
  const sealedBefore = await sealMessage(await keyConfigOf(first))
  expect((await postSealed(first, sealedBefore.body)).status).toBe(200)
  await first.stop()
  const second = await testGateway()
  expectKeyProblem(await postSealed(second, sealedBefore.body))
})

it('nothing of a plaintext is in the log or outside', async () => {
  await expectAlive(gateway)
  expect(gateway.log()).not.toContain(CANARY)
  expect(gateway.log()).not.toMatch(/"level":(?:50|60)/)
  expect(gateway.log()).toMatch(/"wire":2/)
})
