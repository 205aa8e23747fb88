import { describe, expect, it } from 'vitest'
import { UpstreamError } from '../../src/upstreams/server/upstream-error.js'
import {
  readEvents,
  type EventStreamOptions,
  type SseEvent,
} from '../../src/upstreams/server/sse/read-events.js'

const withoutKey = (text: string): string => text.replaceAll('the-secret-key', '***')

async function read(
  parts: Iterable<Uint8Array | string>,
  options: Partial<EventStreamOptions> = {},
): Promise<SseEvent[]> {
  async function* bytes() {
    for (const part of parts) yield typeof part === 'string' ? Buffer.from(part) : part
  }
  const events: SseEvent[] = []
  for await (const event of readEvents(bytes(), { withoutKey, ...options })) events.push(event)
  return events
}

const failureOf = (parts: Iterable<Uint8Array | string>, options?: Partial<EventStreamOptions>) =>
  read(parts, options).then(
    () => undefined,
    (error: unknown) => error as UpstreamError,
  )

const dataOf = (events: readonly SseEvent[]) => events.map(({ data }) => data)

describe('the events of a model server', () => {
  it.each([
    ['line feeds', 'data: a\n\ndata: b\n\n'],
    ['carriage returns and line feeds', 'data: a\r\n\r\ndata: b\r\n\r\n'],
    ['carriage returns', 'data: a\r\rdata: b\r\r'],
    ['a mix', 'data: a\r\n\ndata: b\n\r\n'],
    ['a byte order mark', '\ufeffdata: a\n\ndata: b\n\n'],
    ['no space behind the colon', 'data:a\n\ndata:b\n\n'],
    [
      'comments, ids and unknown fields',
      ': ping\n\nid: 7\nretry: 10\nfoo: x\ndata: a\n\n:\ndata: b\n\n',
    ],
    ['events without data', 'event: x\n\ndata: a\n\n\n\ndata: b\n\n'],
    ['an unfinished event', 'data: a\n\ndata: b\n\ndata: c\n'],
  ])('are the same with %s, in parts of any size', async (_name, text) => {
    const bytes = Buffer.from(text)
    for (const size of [1, 2, 3, 7, bytes.length]) {
      const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_part, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      )
      expect(dataOf(await read(parts)), `parts of ${size}`).toEqual(['a', 'b'])
    }
  })

  it('keep their name and the lines of their data', async () => {
    expect(await read(['event: response.created\ndata: 1\ndata: 2\n\n'])).toEqual([
      { event: 'response.created', data: '1\n2' },
    ])
  })

  it('survive parts that end within a character', async () => {
    const bytes = Buffer.from('data: "😀é"\n\n')
    expect(dataOf(await read([...bytes].map((byte) => Uint8Array.of(byte))))).toEqual(['"😀é"'])
  })

  it('do not reveal the key of the gateway', async () => {
    expect(dataOf(await read(['data: {"x":"the-secret-key"}\n\n']))).toEqual(['{"x":"***"}'])
  })

  it.each([
    ['an error of OpenAI', 'data: {"error":{"message":"m","code":429}}\n\n', 429],
    ['an error as a text', 'data: {"error":"m"}\n\n', 500],
    ['an event named error', 'event: error\ndata: {"type":"error","message":"m"}\n\n', 500],
    ['an event named error without JSON', 'event: error\ndata: m\n\n', 500],
    ['a detail', 'data: {"detail":"m"}\n\n', 500],
    [
      'an error within a chunk',
      'data: {"choices":[{"delta":{},"finish_reason":"error"}],"error":{"code":502,"message":"m"}}\n\n',
      502,
    ],
    ['an error of vLLM', 'data: {"object":"error","message":"m","code":404}\n\n', 404],
  ])('end with an error at %s', async (_name, text, status) => {
    const error = await failureOf([text])
    expect(error).toBeInstanceOf(UpstreamError)
    expect((error?.refusal as { inner?: { status: number } }).inner?.status).toBe(status)
  })

  it.each([
    'data: {"error":null}\n\n',
    'data: {"error":""}\n\n',
    'data: {"choices":[],"error":null,"detail":"x"}\n\n',
    'data: {"choices":[{"delta":{"content":"\\"error\\""}}]}\n\n',
    'data: {"type":"response.failed","response":{"error":{"message":"m"}}}\n\n',
  ])('pass where only their content speaks of errors: %s', async (text) => {
    expect(await read([text])).toHaveLength(1)
  })

  it('name no error of the credentials of the gateway', async () => {
    const error = await failureOf(['data: {"error":{"message":"bad key","code":401}}\n\n'])
    expect(error).toMatchObject({ kind: 'credentials', refusal: { statusCode: 502 } })
    expect(error?.refusal).not.toHaveProperty('inner')
  })

  const kib = 'x'.repeat(1024)
  const endless = function* (first: string, part: string, counted: { parts: number }) {
    yield first
    for (;;) {
      counted.parts++
      yield part
    }
  }

  it.each([
    ['an endless line', 'data: ', kib],
    ['an endless comment', ': ', kib],
    ['an endless name', 'event: ', kib],
    ['an endless event', '', `data: ${kib}\n`],
    ['an event of endless empty lines of data', '', 'data:\n'.repeat(200)],
    ['a name of an unknown field without an end', '', kib],
  ])('are bounded: %s', async (_name, first, part) => {
    const counted = { parts: 0 }
    const error = await failureOf(endless(first, part, counted), { maxEventLength: 64 * 1024 })
    expect(error).toMatchObject({ kind: 'oversized' })
    expect(counted.parts).toBeLessThan(400)
  })

  it.each([
    ['comments', ': ping\n\n'.repeat(128)],
    ['events', 'data: 1\n\n'.repeat(128)],
    ['empty lines', '\n'.repeat(1024)],
    ['names', 'event: a\n'.repeat(128)],
  ])('are bounded altogether: endless %s', async (_name, part) => {
    const counted = { parts: 0 }
    const error = await failureOf(endless('', part, counted), { maxBytes: 256 * 1024 })
    expect(error).toMatchObject({ kind: 'oversized' })
    expect(counted.parts).toBeLessThan(400)
  })

  it.each(['a:\n', 'a\n', 'retry: x\n'])('are bounded altogether: endless %j', async (line) => {
    const counted = { parts: 0 }
    const parts = endless('', line.repeat(1024), counted)
    expect(await failureOf(parts, { maxBytes: 64 * 1024 })).toMatchObject({ kind: 'unusable' })
    expect(counted.parts).toBe(5)
    expect(await read([line.repeat(4096), 'data: 1\n\n'])).toHaveLength(1)
  })

  it('refuse a long name', async () => {
    expect(await failureOf([`event: ${'x'.repeat(300)}\ndata: 1\n\n`])).toMatchObject({
      kind: 'oversized',
    })
  })

  it('refuse what is no UTF-8', async () => {
    expect(await failureOf([Uint8Array.of(0x64, 0xff, 0xfe)])).toMatchObject({ kind: 'unusable' })
  })

  it('take memory only for an event that is large', async () => {
    const reserved: number[] = []
    const reserve = (bytes: number): void => void reserved.push(bytes)
    await read(['data: 1\n\n', 'data: 2\n\n'], { reserve })
    expect(reserved).toEqual([])
    await read(['data: ', ...Array.from({ length: 100 }, () => kib), '\n\n', 'data: 1\n\n'], {
      reserve,
    })
    expect(Math.max(...reserved)).toBeGreaterThan(100 * 1024)
    expect(reserved.at(-1)).toBe(64 * 1024)
  })

  it('are read no faster than they are taken', async () => {
    let parts = 0
    async function* bytes() {
      for (; ; parts++) yield Buffer.from('data: 1\n\n')
    }
    const events = readEvents(bytes(), { withoutKey })
    await events.next()
    await events.next()
    expect(parts).toBeLessThan(3)
    await events.return()
  })
})
