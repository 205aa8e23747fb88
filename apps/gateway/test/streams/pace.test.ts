import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { GATEWAY_PATH, MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import { describe, expect, it } from 'vitest'
import { chat, testModelServer } from '../support.js'
import { noAttestor, type Attestor } from '../../src/attestation/attestor.js'
import { HttpError } from '../../src/http-error.js'
import { createDemoEngine } from '../../src/upstreams/demo/demo.js'
import type { Engine } from '../../src/upstreams/engine.js'
import type { SseEvent } from '../../src/upstreams/server/sse/read-events.js'
import { openInner, postSealed, sealMessage } from '../wire-2/client.js'
import { testExchange } from '../wire-2/in-process.js'
import { testPool } from '../upstreams.js'
import { DONE, chunkOf, stream, textOf } from './stream-client.js'

const content = chat('x', { stream: true })
const HELLO = chunkOf({ content: 'Hi' })
const eventOf = (text: string): SseEvent => ({ data: text.slice('data: '.length).trimEnd() })

/** An engine whose streams have these events. */
function engineOf(
  events: () => AsyncIterable<SseEvent>,
  beforeMs = 0,
): Engine & { closed: number } {
  const engine = {
    ...createDemoEngine(),
    closed: 0,
    forward: async () => {
      await setTimeout(beforeMs)
      return {
        contentType: 'text/event-stream',
        body: { kind: 'events' as const, events: events() },
        close: () => {
          engine.closed++
        },
      }
    },
  }
  return engine
}

async function* three() {
  yield eventOf(HELLO)
  await setTimeout(100)
  yield eventOf(chunkOf({ content: ' you' }, 'stop'))
  yield { data: '[DONE]' }
}

describe('signs of life', () => {
  it('come before the head of a stream, and within it', async () => {
    const engine = engineOf(three, 60)
    const exchange = await testExchange({ engine, heartbeatsMs: [10, 10], streamHeartbeatMs: 20 })
    const received = await stream(exchange, { content })
    expect(await received.ended).toBe(true)
    expect(received.interim).toBe(2)
    expect(textOf(received)).toBe('Hi you')
    expect(received.data).toHaveLength(3)
    const signs = received.chunks.filter(({ text }) => /^: *\n\n$/.test(text))
    expect(signs.length).toBeGreaterThan(1)
    expect(engine.closed).toBe(1)
  })

  it('have the form of a stream, although its evidence takes until the first of them', async () => {
    const attestor: Attestor = {
      ...noAttestor,
      kind: 'tpm',
      required: true,
      attest: () => setTimeout(60, { is_available: false }),
    }
    const exchange = await testExchange({ engine: engineOf(three), attestor, heartbeatsMs: [10] })
    const received = await stream(exchange, { content })
    expect(await received.ended).toBe(true)
    expect(received).toMatchObject({ status: 200, interim: 1 })
    expect(textOf(received)).toBe('Hi you')
  })

  it('may come before a refusal, whose length is hidden like that of others', async () => {
    const lengths = await Promise.all(
      ['short', 'a text that is somewhat longer than the other one'].map(async (text) => {
        const engine: Engine = {
          ...createDemoEngine(),
          forward: async () => {
            await setTimeout(60)
            throw new HttpError(503, text)
          },
        }
        const exchange = await testExchange({ engine, heartbeatsMs: [10, 10] })
        const { body, openAnswer } = await sealMessage(exchange.hybrid, { content })
        const answer = await postSealed(exchange, body)
        const inner = await openInner(answer, openAnswer())
        expect(inner).toMatchObject({ status: 503, interim: 2, json: { detail: text } })
        return answer.bytes.length
      }),
    )
    expect(lengths[0]).toBe(lengths[1])
  })
})

describe('the chunks of a stream', () => {
  it('show the length of no event, and few of their times', async () => {
    async function* many() {
      for (let count = 0; count < 40; count++) {
        await setTimeout(2)
        yield eventOf(chunkOf({ content: 'x'.repeat(count % 9) }))
      }
      yield { data: '[DONE]' }
    }
    const exchange = await testExchange({ engine: engineOf(many), streams: { intervalMs: 40 } })
    const received = await stream(exchange, { content })
    expect(await received.ended).toBe(true)
    expect(received.data).toHaveLength(41)
    const lengths = received.chunks.slice(0, -1).map(({ length }) => length % 512)
    expect(new Set(lengths)).toEqual(new Set([0]))
    expect(received.chunks.length).toBeLessThan(20)
  })

  it('hold events of any length', async () => {
    const long = 'y'.repeat(8_000_000)
    const upstream = await testModelServer()
    upstream.answer = (response, { method }) => {
      if (method === 'GET') response.end('{"data":[]}')
      else {
        response.setHeader('content-type', 'text/event-stream')
        response.end(HELLO + chunkOf({ content: long }, 'stop'))
      }
    }
    const exchange = await testExchange({ engine: testPool([upstream]) })
    const received = await stream(exchange, { content })
    expect(await received.ended).toBe(true)
    expect(textOf(received)).toBe(`Hi${long}`)
  })
})

describe('a caller that does not read', () => {
  /** Sends a request, and reads nothing of its answer. */
  async function unread(exchange: Awaited<ReturnType<typeof testExchange>>) {
    const { body } = await sealMessage(exchange.hybrid, { content })
    const response = await fetch(exchange.url + GATEWAY_PATH, {
      ...{ method: 'POST', body: body as BodyInit },
      headers: { 'content-type': MEDIA_TYPES.request },
    })
    expect(response.status).toBe(200)
    return response
  }
  const filler = chunkOf({ content: 'z'.repeat(32 * 1024) })

  it('makes the engine wait, and loses its connection', async () => {
    let made = 0
    async function* endless() {
      for (;;) {
        made++
        yield eventOf(filler)
      }
    }
    const engine = engineOf(endless)
    const exchange = await testExchange({ engine, requestTimeoutMs: 500 })
    const response = await unread(exchange)
    await expect.poll(() => engine.closed, { timeout: 5000 }).toBe(1)
    // As much as the buffers of two sockets take.
    expect(made).toBeLessThan(1000)
    await expect(response.arrayBuffer()).rejects.toThrow()
    const dropped = await exchange.context.metrics.registry.getSingleMetricAsString(
      'nomyo_connections_dropped_total',
    )
    expect(dropped).toMatch(/cause="slow_reader"\} 1/)
  })

  it('makes the model server wait, until it reads', async () => {
    /** More than the buffers of both connections take. */
    const EVENTS = 1000
    const upstream = await testModelServer()
    let written = 0
    let response!: ServerResponse
    upstream.answer = (given, { method }) => {
      if (method === 'GET') {
        given.end('{"data":[]}')
        return
      }
      response = given.setHeader('content-type', 'text/event-stream')
      const write = (): void => {
        while (written < EVENTS) {
          written++
          if (!response.write(filler)) {
            response.once('drain', write)
            return
          }
        }
        response.end(DONE)
      }
      write()
    }
    const exchange = await testExchange({ engine: testPool([upstream]) })
    const answer = await unread(exchange)
    await expect.poll(() => written).toBeGreaterThan(0)
    let before = -1
    while (before !== written) {
      before = written
      await setTimeout(150)
    }
    expect(written).toBeLessThan(EVENTS)
    const ended = once(response, 'finish')
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(EVENTS * 32 * 1024)
    await ended
  })
})

describe('a hostile model server', () => {
  it.each<[string, string, string]>([
    ['an endless line', 'data: ', 'x'.repeat(16 * 1024)],
    ['an endless event', '', `data: ${'x'.repeat(16 * 1024)}\n`],
    ['endless carriage returns', 'data: 1', '\r'.repeat(16 * 1024)],
  ])('costs bounded work: %s', async (_name, first, part) => {
    const upstream = await testModelServer()
    let written = 0
    upstream.answer = (response, { method }) => {
      if (method === 'GET') {
        response.end('{"data":[]}')
        return
      }
      response.setHeader('content-type', 'text/event-stream')
      response.write(HELLO + first)
      const write = (): void => {
        while (!response.destroyed && response.write(part)) written += part.length
        written += part.length
        if (!response.destroyed) response.once('drain', write)
      }
      write()
    }
    const exchange = await testExchange({ engine: testPool([upstream]) })
    const received = await stream(exchange, { content })
    expect(await received.ended).toBe(true)
    expect(received.data.length).toBeLessThan(3)
    expect(JSON.parse(received.data.at(-1)!)).toMatchObject({ error: { status: 502 } })
    expect(written).toBeLessThan(64 * 1024 * 1024)
  })
})
