import { randomBytes } from 'node:crypto'
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  GATEWAY_PATH,
  MEDIA_TYPES,
  createStreamedRequest,
  sealRequestParts,
  type SealedRequestParts,
} from '@nomyo/crypto/wire-2'
import { afterAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { testPool } from '../upstreams.js'
import { hybridKem, openInner, type InnerResponse } from './client.js'
import { testExchange, type ExchangeParts } from './in-process.js'

const MIB = 1024 * 1024
const SOUND = randomBytes(3 * MIB)
const BOUNDARY = 'of-the-caller'
const TYPE = `multipart/form-data; boundary=${BOUNDARY}`

/** One request, as a model server saw it. */
interface Seen {
  readonly headers: IncomingMessage['headers']
  received: number
  /** Undefined while it goes on. */
  isWhole: boolean | undefined
  bytes: Buffer | undefined
}

const seen: Seen[] = []
let onRequest: (request: IncomingMessage, one: Seen) => void = () => undefined
let answerEarly = ''
const upstream = createServer((request, response) => {
  if (request.method === 'GET') return void response.end('{"data":[]}')
  const one: Seen = { headers: request.headers, received: 0, isWhole: undefined, bytes: undefined }
  seen.push(one)
  if (answerEarly !== '') {
    const [status, body] = answerEarly.split(' ')
    response.writeHead(Number(status), { 'content-type': 'application/json' }).end(body)
  }
  onRequest(request, one)
  if (request.isPaused()) return undefined
  request.on('data', (part: Buffer) => (one.received += part.length))
  buffer(request).then(
    (bytes) => {
      Object.assign(one, { isWhole: true, bytes })
      if (answerEarly !== '') return
      response.setHeader('content-type', 'application/json')
      response.end('{"text":"Hi"}')
    },
    () => (one.isWhole = false),
  )
  return undefined
})
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
afterAll(() => {
  upstream.closeAllConnections()
  upstream.close()
})
const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`

beforeEach(() => {
  seen.length = 0
  onRequest = () => undefined
  answerEarly = ''
})

const gatewayWith = (parts: ExchangeParts = {}) =>
  testExchange({
    engine: testPool([{ url }]),
    maxBodyBytes: 256 * 1024,
    uploads: () => ({ maxBytes: 8 * MIB, totalMs: 20_000, idleMs: 10_000, stallMs: 10_000 }),
    ...parts,
  })

const field = (name: string, value: string): Buffer =>
  Buffer.from(`--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
const fileHead = Buffer.from(
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\ncontent-type: audio/wav\r\n\r\n`,
)
const formEnd = Buffer.from(`\r\n--${BOUNDARY}--\r\n`)
const FORM = [field('model', 'm'), field('language', 'de'), fileHead, SOUND, formEnd]

/** A request of a caller: content in parts, and changes of what is encrypted. */
interface Upload {
  readonly content: readonly Uint8Array[]
  /** Announces the length of the content. Default true. */
  readonly isKnown?: boolean
  /** Announces the length of the HTTP body. Default: as `isKnown`. */
  readonly hasLength?: boolean
  readonly announced?: number
  readonly path?: string
  readonly type?: string
  /** Bytes in place of the padding. */
  readonly padding?: Uint8Array
  readonly fields?: readonly (readonly [string, string])[]
}

type Gateway = Awaited<ReturnType<typeof gatewayWith>>

/** Encrypts an upload while it is read. */
async function sealed(
  { hybrid }: Pick<Gateway, 'hybrid'>,
  { content, isKnown = true, announced, path, type = TYPE, padding, fields = [] }: Upload,
): Promise<SealedRequestParts> {
  const length = content.reduce((sum, part) => sum + part.length, 0)
  const head = {
    method: 'POST',
    scheme: 'https',
    authority: '',
    path: path ?? '/v1/audio/transcriptions',
    fields: [['date', new Date().toUTCString()], ['content-type', type], ...fields] as const,
  }
  const request = createStreamedRequest(head, isKnown ? (announced ?? length) : undefined)
  async function* parts() {
    await Promise.resolve()
    yield request.head
    for (const part of content) yield request.content(part)
    if (announced === undefined) yield padding ?? request.end()
  }
  const known = announced === undefined && padding === undefined ? request.length : undefined
  return sealRequestParts(
    hybridKem,
    hybrid,
    { parts: parts(), length: known },
    { maxChunk: 131_072 },
  )
}

/** The parts of an encrypted body. */
async function collect({ body }: SealedRequestParts): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  for await (const part of body) parts.push(part)
  return parts
}

/** Begins a request, whose body the test writes. */
function begin(gateway: Gateway, length?: number) {
  const request = httpRequest(gateway.url + GATEWAY_PATH, {
    method: 'POST',
    headers: {
      'content-type': MEDIA_TYPES.request,
      ...(length === undefined ? {} : { 'content-length': length }),
    },
  })
  request.on('error', () => undefined)
  onTestFinished(() => void request.destroy())
  const answer = new Promise<{ status: number; headers: Headers; bytes: Buffer }>(
    (resolve, reject) => {
      request.once('response', (response) => {
        const headers = new Headers(response.headers as Record<string, string>)
        buffer(response).then(
          (bytes) => resolve({ status: response.statusCode ?? 0, headers, bytes }),
          reject,
        )
      })
      request.once('error', reject)
    },
  )
  answer.catch(() => undefined)
  return { request, answer }
}

/** Sends an upload as it is, and decrypts the answer. */
async function send(gateway: Gateway, upload: Upload): Promise<InnerResponse> {
  const { isKnown = true, hasLength = isKnown } = upload
  const message = await sealed(gateway, upload)
  const parts = await collect(message)
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  if (message.byteLength !== undefined) expect(message.byteLength).toBe(length)
  const { request, answer } = begin(gateway, hasLength ? length : undefined)
  for (const part of parts) request.write(part)
  request.end()
  return openInner(await answer, message.openAnswer())
}

const filesOf = async ({ headers, bytes }: Seen): Promise<[string, unknown][]> => {
  const type = headers['content-type'] ?? ''
  const form = await new Response(bytes as BodyInit, {
    headers: { 'content-type': type },
  }).formData()
  return Promise.all(
    [...form].map(async ([name, value]): Promise<[string, unknown]> => [
      name,
      typeof value === 'string'
        ? value
        : [value.name, value.type, Buffer.from(await value.arrayBuffer()).equals(SOUND)],
    ]),
  )
}

const WHOLE_FORM = [
  ['model', 'm'],
  ['language', 'de'],
  ['file', ['audio.wav', 'audio/wav', true]],
]

describe('a form above the limit of requests', () => {
  it.each([
    ['of known length', { isKnown: true }],
    ['of unknown length', { isKnown: false }],
    ['whose length only its content tells', { isKnown: true, hasLength: false }],
  ])('%s is passed on as it arrives', async (_, lengths) => {
    const { status, json } = await send(await gatewayWith(), { content: FORM, ...lengths })
    expect({ status, json }).toMatchObject({ status: 200, json: { text: 'Hi' } })
    expect(seen).toHaveLength(1)
    expect(seen[0]!.headers).toMatchObject({ 'transfer-encoding': 'chunked' })
    expect(await filesOf(seen[0]!)).toEqual(WHOLE_FORM)
  })

  it('reaches the model server before its end, and no end of it does', async () => {
    const gateway = await gatewayWith()
    const message = await sealed(gateway, { content: FORM })
    const parts = await collect(message)
    const { request, answer } = begin(gateway, message.byteLength)
    for (const part of parts.slice(0, -1)) request.write(part)
    await expect.poll(() => seen[0]?.received ?? 0).toBeGreaterThan(2 * MIB)
    await sleep(50)
    expect(seen[0]!.isWhole).toBeUndefined()
    request.end(parts.at(-1))
    expect((await openInner(await answer, message.openAnswer())).status).toBe(200)
    expect(await filesOf(seen[0]!)).toEqual(WHOLE_FORM)
  })

  it('is read no faster than the model server reads', async () => {
    onRequest = (request) => request.pause()
    const content = [...FORM.slice(0, 3), Buffer.alloc(60 * MIB), formEnd]
    const gateway = await gatewayWith({
      uploads: () => ({ maxBytes: 80 * MIB, totalMs: 20_000, idleMs: 10_000, stallMs: 1000 }),
    })
    const message = await sealed(gateway, { content })
    const { request, answer } = begin(gateway, message.byteLength)
    let written = 0
    void (async () => {
      for await (const part of message.body) {
        written += part.length
        if (request.write(part)) continue
        await new Promise<void>((resolve) => request.once('drain', resolve))
      }
    })()
    let before = -1
    while (written !== before) {
      before = written
      await sleep(100)
    }
    // The buffers of two connections.
    expect(written).toBeLessThan(32 * MIB)
    // The model server has read nothing for too long.
    const { status } = await openInner(await answer, message.openAnswer())
    expect(status).toBe(504)
  })
})

describe('an upload without its authentic end is none', () => {
  const cases: [string, (parts: Uint8Array[]) => Uint8Array[]][] = [
    ['whose final chunk is missing', (parts) => parts.slice(0, -1)],
    [
      'that is cut within its final chunk',
      (parts) => [...parts.slice(0, -1), cut(parts.at(-1)!, 1)],
    ],
    ['that is cut within a chunk', (parts) => [...parts.slice(0, -2), cut(parts.at(-2)!, 100)]],
    ['whose final chunk is changed', (parts) => [...parts.slice(0, -1), flipped(parts.at(-1)!)]],
    ['of which a chunk is changed', (parts) => parts.with(-3, flipped(parts.at(-3)!))],
    ['of which two chunks are swapped', (parts) => swapped(parts)],
    ['of which a chunk is missing', (parts) => parts.toSpliced(-3, 1)],
    ['of which a chunk comes twice', (parts) => parts.toSpliced(-3, 0, parts.at(-3)!)],
  ]
  const cut = (part: Uint8Array, bytes: number) => part.subarray(0, part.length - bytes)
  const flipped = (part: Uint8Array) => part.with(part.length - 1, part.at(-1)! ^ 1)
  const swapped = (parts: Uint8Array[]) => parts.with(-3, parts.at(-4)!).with(-4, parts.at(-3)!)

  it.each(cases)('%s', async (_, change) => {
    const gateway = await gatewayWith()
    const message = await sealed(gateway, { content: FORM })
    const { request, answer } = begin(gateway)
    for (const part of change(await collect(message))) request.write(part)
    request.end()
    const { status } = await openInner(await answer, message.openAnswer())
    expect(status).toBe(400)
    await expect.poll(() => seen[0]?.isWhole).toBe(false)
  })

  it.each([
    ['with less content than it announces', { content: FORM, announced: 4 * MIB }],
    ['whose padding is no zeros', { content: FORM, padding: Buffer.from([0, 1]) }],
    ['whose form has no end', { content: FORM.slice(0, -1) }],
    ['whose form ends early', { content: [...FORM.slice(0, 3), SOUND.subarray(0, MIB)] }],
    [
      'with a field behind the file',
      { content: [...FORM.slice(0, -1), Buffer.from('\r\n'), field('prompt', 'x'), formEnd] },
    ],
  ] satisfies [string, Upload][])('%s', async (_, upload) => {
    const { status } = await send(await gatewayWith(), { ...upload, hasLength: true })
    expect(status).toBe(400)
    await expect.poll(() => seen[0]?.isWhole).toBe(false)
  })

  it('of a caller that disconnects', async () => {
    const gateway = await gatewayWith()
    const message = await sealed(gateway, { content: FORM })
    const { request } = begin(gateway, message.byteLength)
    for (const part of (await collect(message)).slice(0, 10)) request.write(part)
    await expect.poll(() => seen[0]?.received ?? 0).toBeGreaterThan(0)
    request.destroy()
    await expect.poll(() => seen[0]?.isWhole).toBe(false)
  })

  it.each([
    ['silent for too long', { totalMs: 20_000, idleMs: 300, stallMs: 10_000 }],
    ['too slow altogether', { totalMs: 300, idleMs: 20_000, stallMs: 10_000 }],
  ])('of a caller that is %s', async (_, times) => {
    const gateway = await gatewayWith({ uploads: () => ({ maxBytes: 8 * MIB, ...times }) })
    const message = await sealed(gateway, { content: FORM })
    const { request, answer } = begin(gateway, message.byteLength)
    for (const part of (await collect(message)).slice(0, 10)) request.write(part)
    const { status } = await openInner(await answer, message.openAnswer())
    expect(status).toBe(408)
    await expect.poll(() => seen[0]?.isWhole).toBe(false)
  })

  it('above the limit of uploads', async () => {
    const gateway = await gatewayWith({
      uploads: () => ({ maxBytes: 2 * MIB, totalMs: 20_000, idleMs: 20_000, stallMs: 10_000 }),
    })
    const { status } = await send(gateway, { content: FORM, hasLength: false })
    expect(status).toBe(413)
    await expect.poll(() => seen[0]?.isWhole).toBe(false)
  })
})

describe('nothing is sent to a model server', () => {
  afterEachNothing()

  function afterEachNothing(): void {
    beforeEach(() => {
      onTestFinished(() => {
        expect(seen).toEqual([])
      })
    })
  }

  it('of a body that says that it is above the limit of uploads', async () => {
    const gateway = await gatewayWith({
      uploads: () => ({ maxBytes: 2 * MIB, totalMs: 20_000, idleMs: 20_000, stallMs: 10_000 }),
    })
    const { request, answer } = begin(gateway, 2 * MIB + 1)
    request.write(Buffer.alloc(1000))
    expect((await answer).status).toBe(413)
  })

  it.each([
    ['that says so', { hasLength: true }],
    ['that does not', { hasLength: false }],
  ])('of JSON above the limit of requests, %s', async (_, length) => {
    const upload = {
      ...{ path: '/v1/chat/completions', type: 'application/json', ...length },
      content: [Buffer.alloc(MIB, ' ')],
    }
    expect((await send(await gatewayWith(), upload)).status).toBe(413)
  })

  it('of a form whose model comes after the file', async () => {
    const content = [fileHead, SOUND, Buffer.from('\r\n'), field('model', 'm'), formEnd]
    const { status, json } = await send(await gatewayWith(), { content })
    expect(status).toBe(400)
    expect(json).toMatchObject({ error: { param: 'model' } })
  })

  it('of a caller without a valid API key, which is told before the end', async () => {
    const gateway = await gatewayWith({
      currentKeys: () => ({ find: () => undefined }) as never,
    })
    const message = await sealed(gateway, { content: FORM })
    const { request, answer } = begin(gateway, message.byteLength)
    for (const part of (await collect(message)).slice(0, 3)) request.write(part)
    expect((await openInner(await answer, message.openAnswer())).status).toBe(401)
  })
})

describe('a form within the limit of requests', () => {
  const small = [field('model', 'm'), fileHead, SOUND.subarray(0, 100_000), formEnd]

  it.each([true, false])(
    'is held, and sent with its length (known before: %s)',
    async (isKnown) => {
      const { status } = await send(await gatewayWith(), { content: small, isKnown })
      expect(status).toBe(200)
      expect(seen[0]!.headers['content-length']).toBe(String(seen[0]!.bytes!.length))
    },
  )

  it('may have its file first', async () => {
    const right = [fileHead, SOUND.subarray(0, 100_000), Buffer.from('\r\n'), field('model', 'm')]
    const end = Buffer.from(`--${BOUNDARY}--\r\n`)
    expect((await send(await gatewayWith(), { content: [...right, end] })).status).toBe(200)
  })
})

describe('a model server', () => {
  it('that refuses before the end is quoted at once', async () => {
    answerEarly = '422 {"error":{"message":"no-such-language","type":"invalid_request_error"}}'
    const gateway = await gatewayWith()
    const message = await sealed(gateway, { content: FORM })
    const { request, answer } = begin(gateway, message.byteLength)
    for (const part of (await collect(message)).slice(0, 5)) request.write(part)
    const { status, text } = await openInner(await answer, message.openAnswer())
    expect(status).toBe(400)
    expect(text).toContain('no-such-language')
  })

  it('that answers before the end has answered nothing', async () => {
    answerEarly = '200 {"text":"early"}'
    onRequest = (request) => request.pause()
    const gateway = await gatewayWith()
    const message = await sealed(gateway, { content: FORM })
    const { request, answer } = begin(gateway, message.byteLength)
    for (const part of (await collect(message)).slice(0, 5)) request.write(part)
    const { status, text } = await openInner(await answer, message.openAnswer())
    // By the one or the other sign of it.
    expect([502, 503]).toContain(status)
    expect(text).not.toContain('early')
  })

  it('that cannot be reached is replaced, before anything is read for it', async () => {
    const engine = testPool([{ url: 'http://127.0.0.1:1/v1', name: 'gone' }, { url }])
    expect((await send(await gatewayWith({ engine }), { content: FORM })).status).toBe(200)
    expect(await filesOf(seen[0]!)).toEqual(WHOLE_FORM)
  })

  it('that is lost within is not replaced', async () => {
    onRequest = (request) => {
      request.once('data', () => request.destroy())
    }
    const engine = testPool([{ url }, { url, name: 'other' }])
    expect((await send(await gatewayWith({ engine }), { content: FORM })).status).toBe(503)
    expect(seen).toHaveLength(1)
  })
})

describe('memory', () => {
  it('of an upload is that of its chunks, however large it is', async () => {
    const gateway = await gatewayWith({ load: { maxBytesInFlight: MIB } })
    expect((await send(gateway, { content: FORM })).status).toBe(200)
  })
})
