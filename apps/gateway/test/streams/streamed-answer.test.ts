import { PacedBody } from '@nomyo-internal/http-server'
import { createBhttpReader, createStreamedResponse } from '@nomyo/crypto/wire-2'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { filling } from '../../src/wire-2/answer/stream/filling.js'
import {
  StreamedAnswer,
  type StreamSettings,
} from '../../src/wire-2/answer/stream/streamed-answer.js'

const SETTINGS: StreamSettings = {
  intervalMs: 50,
  paddingBytes: 512,
  heartbeatMs: 15_000,
  readTimeoutMs: 10_000,
}
const event = (text: string): Uint8Array => Buffer.from(`data: ${text}\n\n`)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** A streamed answer whose chunks are kept in plaintext. */
function start(settings: Partial<StreamSettings> = {}, isEvents = true) {
  const chunks: { length: number; text: string; atMs: number; isFinal: boolean }[] = []
  const writer = createStreamedResponse()
  const reader = createBhttpReader('response')
  const body = new PacedBody({ highWaterMark: 4096 })
  body.on('error', () => undefined)
  let slow = 0
  const startedAt = performance.now()
  const answer = new StreamedAnswer(
    {
      writer,
      head: writer.head({ status: 200, fields: [['content-type', 'text/event-stream']] }),
      body,
      send: (plaintext, isFinal) => {
        const bytes = Buffer.concat(plaintext)
        const content = reader
          .push(bytes)
          .flatMap((part) => (part.type === 'content' ? [Buffer.from(part.bytes)] : []))
        const text = Buffer.concat(content).toString()
        const atMs = Math.round(performance.now() - startedAt)
        chunks.push({ length: bytes.length, text, atMs, isFinal })
        body.push(bytes)
        return Promise.resolve(bytes.length)
      },
      onSlowReader: () => {
        slow++
      },
    },
    { ...SETTINGS, ...settings },
    isEvents,
  )
  const texts = () => chunks.map(({ text }) => text.replace(/:[ \n]*$/, ''))
  const slowReaders = () => slow
  return { answer, body, chunks, texts, reader, slowReaders }
}

describe('the filling of a chunk', () => {
  it.each([0, 1, 7, 512, 1000, 16_384])(
    'makes every chunk a multiple of %i bytes',
    (paddingBytes) => {
      for (const headBytes of [0, 1, 60, 130]) {
        const lengths = [...Array(1200).keys(), 16_370, 16_380, 16_383, 16_384, 16_390, 70_000]
        for (const contentBytes of lengths.slice(1)) {
          const { length } = filling({ headBytes, contentBytes, paddingBytes })
          if (paddingBytes === 0) expect(length).toBe(0)
          else {
            const content = Buffer.alloc(contentBytes + length)
            const total = headBytes + createStreamedResponse().content(content).length
            expect([total % paddingBytes, contentBytes]).toEqual([0, contentBytes])
            expect(length === 0 || length >= 3).toBe(true)
            expect(length).toBeLessThan(2 * paddingBytes + 3 + 3)
          }
        }
      }
    },
  )

  it('is one comment that ends like an event', () => {
    for (const contentBytes of [1, 100, 508, 509]) {
      const text = Buffer.from(
        filling({ headBytes: 0, contentBytes, paddingBytes: 512 }),
      ).toString()
      expect(text).toMatch(/^(?:: *\n\n)?$/)
    }
  })

  it.each([0, 512])('is never empty without events, with multiples of %i', (paddingBytes) => {
    const { length } = filling({ headBytes: 0, contentBytes: 0, paddingBytes })
    expect(length).toBe(paddingBytes === 0 ? 3 : 510)
  })
})

describe('a streamed answer', () => {
  it('sends its head with the first event at once, and gathers the others until a tick', async () => {
    const { answer, chunks, texts } = start()
    await answer.add(event('0'))
    expect(chunks).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(10)
    await answer.add(event('1'))
    await vi.advanceTimersByTimeAsync(20)
    await answer.add(event('2'))
    expect(chunks).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(20)
    await vi.advanceTimersByTimeAsync(70)
    await answer.add(event('3'))
    await vi.advanceTimersByTimeAsync(30)
    expect(texts()).toEqual(['data: 0\n\n', 'data: 1\n\ndata: 2\n\n', 'data: 3\n\n'])
    expect(chunks.map(({ atMs }) => atMs)).toEqual([0, 50, 150])
    expect(chunks.map(({ length }) => length)).toEqual([512, 512, 512])
  })

  it('ends with a chunk of its own, behind all events', async () => {
    const { answer, body, chunks, texts, reader } = start()
    await answer.add(event('0'))
    await answer.add(event('1'))
    await answer.end()
    expect(texts()).toEqual(['data: 0\n\n', 'data: 1\n\n', ''])
    expect(chunks.map(({ isFinal }) => isFinal)).toEqual([false, false, true])
    expect(chunks[2]?.length).toBe(2)
    expect(reader.end()).toEqual([])
    expect(answer.bytesOut).toBe(1026)
    expect(body.readableEnded || body.readableLength > 0).toBe(true)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(chunks).toHaveLength(3)
  })

  it('has no end when it is truncated, but all events', async () => {
    const { answer, chunks, texts } = start()
    await answer.add(event('0'))
    await answer.add(event('1'))
    await answer.truncate()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(texts()).toEqual(['data: 0\n\n', 'data: 1\n\n'])
    expect(chunks.every(({ isFinal }) => !isFinal)).toBe(true)
  })

  it('gathers no more than fits a chunk', async () => {
    const { answer, chunks, body } = start()
    body.resume()
    for (let count = 0; count < 100; count++) await answer.add(event('x'.repeat(1000)))
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThan(16_384)
    expect(chunks.length).toBeGreaterThan(10)
  })

  it('sends every event at once without an interval', async () => {
    const { answer, chunks } = start({ intervalMs: 0, paddingBytes: 0 })
    for (const text of ['0', '1', '2']) await answer.add(event(text))
    expect(chunks.map(({ text }) => text)).toEqual(['data: 0\n\n', 'data: 1\n\n', 'data: 2\n\n'])
  })

  it('gives signs of life in silence that look like events', async () => {
    const { answer, body, chunks, texts } = start()
    body.resume()
    await answer.add(event('0'))
    await vi.advanceTimersByTimeAsync(14_900)
    expect(chunks).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(chunks).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(chunks).toHaveLength(4)
    expect(texts()).toEqual(['data: 0\n\n', '', '', ''])
    expect(new Set(chunks.map(({ length }) => length))).toEqual(new Set([512]))
    await answer.add(event('1'))
    await vi.advanceTimersByTimeAsync(50)
    await vi.advanceTimersByTimeAsync(14_900)
    expect(chunks).toHaveLength(5)
  })

  it('gives no signs of life within other content', async () => {
    const { answer, body, chunks } = start({}, false)
    body.resume()
    await answer.add(Buffer.from('sound'))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(chunks.map(({ text }) => text)).toEqual(['sound'])
  })

  it('waits for the caller to read', async () => {
    const { answer, body } = start({ intervalMs: 0 })
    let added = 0
    const adding = (async () => {
      for (; added < 100; added++) await answer.add(event('x'.repeat(400)))
    })()
    await vi.advanceTimersByTimeAsync(100)
    expect(added).toBeLessThan(12)
    body.resume()
    await adding
    expect(added).toBe(100)
  })

  it('closes the connection of a caller that does not read in time', async () => {
    const { answer, body, slowReaders } = start({ intervalMs: 0 })
    const adding = (async () => {
      while (!answer.isClosed) await answer.add(event('x'.repeat(400)))
    })()
    await vi.advanceTimersByTimeAsync(9_900)
    expect(body.destroyed).toBe(false)
    await vi.advanceTimersByTimeAsync(200)
    await adding
    expect(body.destroyed).toBe(true)
    expect(slowReaders()).toBe(1)
  })

  it('gives no signs of life to a caller that does not read', async () => {
    const { answer, chunks } = start({ intervalMs: 0, readTimeoutMs: 3_600_000 })
    void (async () => {
      for (let count = 0; count < 20; count++) await answer.add(event('x'.repeat(400)))
    })()
    await vi.advanceTimersByTimeAsync(100)
    const { length } = chunks
    await vi.advanceTimersByTimeAsync(600_000)
    expect(chunks).toHaveLength(length)
  })

  it('stops its timers when the connection is closed', async () => {
    const { answer, body } = start()
    await answer.add(event('0'))
    await answer.add(event('1'))
    body.destroy()
    await vi.advanceTimersByTimeAsync(1)
    expect(vi.getTimerCount()).toBe(0)
    await answer.add(event('2'))
    await answer.end()
    expect(answer.isClosed).toBe(true)
  })
})
