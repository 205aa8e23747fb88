import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import {
  startModelServer,
  stopAfterTest,
  temporaryFolder,
  type ModelServer,
} from '@nomyo-internal/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { metric } from '../measure.js'
import {
  addApiKey,
  chat,
  fileGateway,
  logEntries,
  readConfig,
  temporaryFile,
  testGateway,
  testKeyDir,
} from '../support.js'
import { createGateway } from '../../src/gateway.js'
import { ask } from '../wire-2/client.js'
import { DONE, USAGE, chunkOf, stream, textOf, usageEvent } from './stream-client.js'

const model: ModelServer = await startModelServer()
const gateway = await fileGateway({
  args: [
    ...['--upstream', model.url, '--upstream-key', 'the-secret-key-of-the-gateway'],
    ...['--metrics-port', '0'],
  ],
  config: { streams: { intervalMs: 0, paddingBytes: 512, idleTimeoutMs: 800 } },
})
const demo = await fileGateway()

const streamed = (more: object = {}) => ({ content: chat('Hello!', { stream: true, ...more }) })

let responses: ServerResponse[] = []
/** Answers requests with these texts, and leaves them open. */
function answerWith(...texts: string[]): void {
  model.answer = (response, { method }) => {
    if (method === 'GET') {
      response.end('{"data":[]}')
      return
    }
    responses.push(response)
    response.setHeader('content-type', 'text/event-stream')
    for (const text of texts) response.write(text)
  }
}

beforeEach(() => {
  responses = []
  model.seen.length = 0
})

const nextResponse = async (): Promise<ServerResponse> => {
  await expect.poll(() => responses.length).toBeGreaterThan(0)
  return responses[0]!
}

/** Waits for the gateway to close the connection. */
const isClosed = async (response: ServerResponse): Promise<boolean> => {
  await expect.poll(() => response.closed).toBe(true)
  return response.closed
}

const completions = () => model.seen.filter(({ method }) => method === 'POST')

/** The line of the log about the last stream. */
const lastLine = async (requestId: string | undefined) => {
  const find = () =>
    logEntries<Record<string, unknown>>(gateway.log()).find(
      (line) => line['requestId'] === requestId || line['reqId'] === requestId,
    )
  await expect.poll(find).toBeDefined()
  return find()!
}

const HELLO = chunkOf({ role: 'assistant', content: 'Hi' })

describe('a stream', () => {
  it('reaches the caller event by event', async () => {
    answerWith(chunkOf({ role: 'assistant', content: '' }))
    const received = await stream(gateway, streamed())
    await received.events(1)
    expect(received.status).toBe(200)
    expect(received.fields.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(received.fields.get('cache-control')).toBe('no-store')
    expect(received.fields.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    const response = await nextResponse()
    response.write(chunkOf({ content: 'Hi' }))
    await received.events(2)
    response.end(chunkOf({ content: ' you' }) + chunkOf({}, 'stop') + usageEvent + DONE)
    expect(await received.ended).toBe(true)
    expect(textOf(received)).toBe('Hi you')
    expect(received.data.at(-1)).toBe('[DONE]')
  })

  it('is described in its first event, and nowhere else', async () => {
    const spoofed = { _metadata: { security_tier: 'maximum' } }
    answerWith(chunkOf({ content: 'a' }, null, spoofed), chunkOf({ content: 'b' }, 'stop', spoofed))
    const received = await stream(gateway, { ...streamed(), fields: { 'idempotency-key': 'id-1' } })
    ;(await nextResponse()).end(DONE)
    expect(await received.ended).toBe(true)
    const [first, second] = received.data.map((data) => data !== '[DONE]' && JSON.parse(data))
    expect(first).toMatchObject({
      model: 'm-of-server',
      _metadata: {
        payload_id: 'id-1',
        response_status: 'success',
        security_tier: 'standard',
        model: 'nomyo/echo',
        tpm_attestation: { is_available: false },
        is_encrypted: true,
        wire: { version: 2 },
      },
    })
    expect(second).not.toHaveProperty('_metadata')
  })

  it('is asked for with the tokens used, and without what is between client and gateway', async () => {
    answerWith(HELLO + chunkOf({}, 'stop') + usageEvent + DONE)
    const received = await stream(
      gateway,
      streamed({ stream_options: { include_obfuscation: false, include_usage: false } }),
    )
    expect(await received.ended).toBe(true)
    const { body, headers } = completions()[0]!
    expect(JSON.parse(body)).toEqual({
      model: 'nomyo/echo',
      messages: [{ role: 'user', content: 'Hello!' }],
      stream: true,
      stream_options: { include_obfuscation: false, include_usage: true },
    })
    expect(headers).toMatchObject({ accept: 'text/event-stream' })
    expect(received.text).not.toContain('prompt_tokens')
  })

  it('has the members of tier, salt and rules that a whole answer has', async () => {
    const keysFile = join(temporaryFolder(), 'keys.yaml')
    const key = await addApiKey(keysFile, '--name', 'alice')
    const file = temporaryFile(
      JSON.stringify({
        upstreams: [{ name: 'a', url: model.url, cacheSalt: true }],
        requests: { maxTokens: 7 },
      }),
      'gateway.json',
    )
    const ruled = await testGateway({ args: ['--config', file, '--keys-file', keysFile] })
    answerWith(HELLO + DONE)
    const received = await stream(ruled, {
      ...streamed({ security_tier: 'high', cache_salt: 'mine' }),
      fields: { authorization: `Bearer ${key}` },
    })
    expect(await received.ended).toBe(true)
    const { cache_salt, ...members } = JSON.parse(completions()[0]!.body)
    expect(cache_salt).toMatch(/^[\w-]{20,}={0,2}$/)
    expect(members).toMatchObject({ max_tokens: 7, stream: true })
    expect(members).not.toHaveProperty('security_tier')
  })

  it('has the tokens used where the caller asks for them', async () => {
    answerWith(HELLO + chunkOf({}, 'stop') + usageEvent + DONE)
    const received = await stream(gateway, streamed({ stream_options: { include_usage: true } }))
    expect(await received.ended).toBe(true)
    expect(JSON.parse(received.data.at(-2)!)).toMatchObject({ choices: [], usage: USAGE })
  })

  it('is counted, logged and measured', async () => {
    const names = ['nomyo_streams_total{end="complete"}', 'nomyo_stream_events_total']
    const counts = () => Promise.all(names.map((name) => metric(gateway, name)))
    const before = await counts()
    answerWith(HELLO + chunkOf({}, 'stop') + usageEvent + DONE)
    const received = await stream(gateway, streamed())
    expect(await received.ended).toBe(true)
    expect(await lastLine(received.fields.get('x-request-id'))).toMatchObject({
      outcome: 'ok',
      stream: 'complete',
      streamParts: 3,
      firstPartMs: expect.any(Number),
      upstreamMs: expect.any(Number),
      promptTokens: 3,
      completionTokens: 4,
      totalTokens: 7,
    })
    expect(await counts()).toEqual([(before[0] ?? 0) + 1, (before[1] ?? 0) + 3])
    expect(await metric(gateway, 'nomyo_stream_first_event_seconds_count')).toBeGreaterThan(0)
  })

  it.each<[string, string, string[], number]>([
    ['[DONE]', DONE, ['Hi', '[DONE]'], 2],
    ['a finish reason', chunkOf({}, 'length'), ['Hi', ''], 2],
  ])('may end with %s', async (_name, last, _texts, events) => {
    answerWith(HELLO)
    const received = await stream(gateway, streamed())
    ;(await nextResponse()).end(last)
    expect(await received.ended).toBe(true)
    expect(received.data).toHaveLength(events)
    expect(received.text).not.toContain('"error"')
  })

  it('ends at [DONE], although its server goes on', async () => {
    answerWith(HELLO + DONE + HELLO)
    const received = await stream(gateway, streamed())
    expect(await received.ended).toBe(true)
    expect(received.data.at(-1)).toBe('[DONE]')
    expect(received.data).toHaveLength(2)
    expect(await isClosed(await nextResponse())).toBe(true)
  })

  it('of the demo engine says that it is one', async () => {
    const received = await stream(demo, {
      content: { ...chat('Hello over there!', { stream: true }), model: 'nomyo/demo' },
    })
    expect(await received.ended).toBe(true)
    expect(textOf(received)).toMatch(/^\[demo engine, not a model\]/)
    expect(received.data.length).toBeGreaterThan(10)
  })

  it('of the demo engine calls tools, and ends with an error of its own on demand', async () => {
    const tools = [{ type: 'function', function: { name: 'look_up', parameters: {} } }]
    const called = await stream(demo, streamed({ tools, stream_options: { include_usage: true } }))
    expect(await called.ended).toBe(true)
    expect(called.text).toContain('"name":"look_up"')
    expect(called.text).toContain('"finish_reason":"tool_calls"')
    expect(called.text).toContain('"usage"')
    const content = { ...chat('x', { stream: true }), model: 'nomyo/error-rate-limit' }
    expect((await ask(demo, { content })).status).toBe(429)
  })
})

describe('a failure of a model server', () => {
  const errorIn = (data: readonly string[]) =>
    (JSON.parse(data.at(-1)!) as { error?: Record<string, unknown> }).error

  it.each<[string, string, object]>([
    [
      'an error event',
      'data: {"error":{"message":"no more the-secret-key-of-the-gateway","type":"t","code":"c"}}\n\n',
      { status: 500, message: 'no more ***', type: 't', code: 'c' },
    ],
    ['a named error', 'event: error\ndata: overloaded\n\n', { message: 'overloaded' }],
    [
      'an error of its credentials',
      'data: {"error":{"code":401,"message":"key"}}\n\n',
      { status: 502 },
    ],
    ['no JSON', 'data: nothing\n\n', { status: 502 }],
    ['an array', 'data: []\n\n', { status: 502 }],
  ])('reaches the caller as the last event: %s', async (_name, text, error) => {
    answerWith(HELLO)
    const refusals = () =>
      Promise.all(
        ['upstream_failed', 'upstream_busy', 'upstream_refused'].map((cause) =>
          metric(gateway, `nomyo_refusals_total{cause="${cause}"}`),
        ),
      ).then((counts) => counts.reduce((sum, count) => sum + count))
    const before = await refusals()
    const received = await stream(gateway, streamed())
    await received.events(1)
    ;(await nextResponse()).write(text)
    expect(await received.ended).toBe(true)
    expect(received.data).toHaveLength(2)
    expect(errorIn(received.data)).toMatchObject(error)
    expect(await refusals()).toBe(before + 1)
    expect(await lastLine(received.fields.get('x-request-id'))).toMatchObject({
      stream: 'failed',
      outcome: expect.stringMatching(/^upstream_/),
    })
  })

  it.each([
    ['before any end', ''],
    ['within an event', 'data: {"choices"'],
    [
      'with one choice of two',
      chunkOf({}, 'stop') + 'data: {"choices":[{"index":1,"delta":{}}]}\n\n',
    ],
  ])('is no success when its stream ends %s', async (_name, text) => {
    answerWith(HELLO)
    const received = await stream(gateway, streamed())
    ;(await nextResponse()).end(text)
    expect(await received.ended).toBe(true)
    expect(errorIn(received.data)).toMatchObject({ status: 502 })
  })

  it('reaches the caller when the server is silent', async () => {
    answerWith(HELLO)
    const received = await stream(gateway, streamed())
    expect(await received.ended).toBe(true)
    expect(errorIn(received.data)).toMatchObject({ status: 504 })
  })

  it('truncates the stream when the server is lost, behind all that arrived', async () => {
    answerWith(HELLO)
    const received = await stream(gateway, streamed())
    const response = await nextResponse()
    response.write(chunkOf({ content: ' you' }), () => response.destroy())
    expect(await received.ended).toBe(false)
    expect(textOf(received)).toBe('Hi you')
    expect(received.text).not.toContain('"error"')
    expect(await lastLine(received.fields.get('x-request-id'))).toMatchObject({
      stream: 'truncated',
      outcome: 'upstream_unavailable',
    })
    expect(logEntries(gateway.log())).toContainEqual(
      expect.objectContaining({ kind: 'dropped', note: 'within an answer' }),
    )
  })

  it.each<[string, (response: ServerResponse) => void, number, object]>([
    [
      'a status',
      (response) => {
        response.statusCode = 422
        response.end('{"error":{"message":"bad","param":"n"}}')
      },
      400,
      { error: { status: 422, message: 'bad' } },
    ],
    [
      'an error as its first event',
      (response) => {
        response.setHeader('content-type', 'text/event-stream')
        response.end('data: {"error":{"message":"too long","code":"context_length_exceeded"}}\n\n')
      },
      400,
      { error: { code: 'context_length_exceeded' } },
    ],
    ['no connection', (response) => void response.destroy(), 503, {}],
    [
      'an error in a whole answer',
      (response) => {
        response.setHeader('content-type', 'application/json')
        response.end('{"error":{"message":"full","code":"rate_limit_exceeded"}}')
      },
      429,
      { error: { status: 429, message: 'full' } },
    ],
    [
      'a page',
      (response) => {
        response.setHeader('content-type', 'text/html')
        response.end('<p>')
      },
      502,
      {},
    ],
    [
      'a whole answer',
      (response) => void response.end('{"choices":[{"index":0}]}'),
      200,
      { choices: [{ index: 0 }], _metadata: { response_status: 'success' } },
    ],
  ])('before the first event is an answer of its own: %s', async (_name, fail, status, body) => {
    model.answer = (response, { method }) => {
      if (method === 'POST') fail(response)
      else response.end('{"data":[]}')
    }
    const answer = await ask(gateway, streamed())
    expect(answer.status).toBe(status)
    expect(answer.json).toMatchObject(body)
  })
})

describe('the caller of a stream', () => {
  it('stops the model by hanging up', async () => {
    answerWith(HELLO)
    const received = await stream(gateway, streamed())
    await received.events(1)
    const response = await nextResponse()
    received.abort()
    expect(await isClosed(response)).toBe(true)
    expect(await lastLine(received.fields.get('x-request-id'))).toMatchObject({
      outcome: 'disconnected',
      stream: 'disconnected',
    })
    await expect.poll(() => metric(gateway, 'nomyo_bytes_in_flight')).toBe(0)
  })

  it('cannot have it done twice under one key', async () => {
    answerWith(HELLO)
    const options = { ...streamed(), fields: { 'idempotency-key': 'twice' } }
    const received = await stream(gateway, options)
    await received.events(1)
    expect((await ask(gateway, options)).status).toBe(409)
    ;(await nextResponse()).end(DONE)
    expect(await received.ended).toBe(true)
  })

  it('uses memory and a place until its end', async () => {
    answerWith(HELLO)
    const received = await stream(gateway, streamed())
    await received.events(1)
    expect(await metric(gateway, 'nomyo_bytes_in_flight')).toBeGreaterThan(64 * 1024)
    ;(await nextResponse()).end(DONE)
    await received.ended
    await expect.poll(() => metric(gateway, 'nomyo_bytes_in_flight')).toBe(0)
  })

  it('pays for what the model reports, and for what it got where nothing is reported', async () => {
    const keysFile = join(temporaryFolder(), 'keys.yaml')
    const key = await addApiKey(keysFile, '--name', 'alice')
    const metered = await testGateway({
      args: [
        ...['--upstream', model.url, '--keys-file', keysFile, '--quota-tokens', '1M/day'],
        ...['--metrics-port', '0'],
      ],
    })
    const used = async () =>
      Math.round(
        1_000_000 * (await metric(metered, 'nomyo_quota_used_ratio{key="alice",unit="tokens"}')),
      )
    const options = { ...streamed(), fields: { authorization: `Bearer ${key}` } }
    answerWith(HELLO + chunkOf({}, 'stop') + usageEvent + DONE)
    expect(await (await stream(metered, options)).ended).toBe(true)
    await expect.poll(used).toBe(USAGE.total_tokens)

    answerWith(HELLO.repeat(100))
    responses = []
    const received = await stream(metered, options)
    await received.events(100)
    received.abort()
    await expect.poll(used).toBeGreaterThan(USAGE.total_tokens)
    // 100 events, and the encrypted request; by size, 100 filled chunks would be 10 000.
    expect(await used()).toBeGreaterThan(100)
    expect(await used()).toBeLessThan(1000)
  })
})

describe('a gateway with a stream', () => {
  it('finishes it where it began, although a reload removes its model server', async () => {
    const [first, second] = [model.url, 'http://127.0.0.1:1/v1']
    const args = ['--port', '0', '--key-dir', testKeyDir({ 'private_key.pem': 'server' })]
    // A test that fails must not wait for its stream.
    const config = {
      ...readConfig(['--upstream', first, ...args]),
      drainTimeoutMs: 5000,
    }
    const next = {
      ...readConfig(['--upstream', second, '--stream-interval', '0', ...args]),
      drainTimeoutMs: 5000,
    }
    const reloading = await createGateway(config, {
      logStream: new PassThrough().resume(),
      readConfig: () => next,
    })
    stopAfterTest({ stop: () => reloading.close() })
    answerWith(HELLO)
    const received = await stream(reloading, streamed())
    await received.events(1)
    const { status, changed } = await reloading.reload()
    expect([status, ...changed]).toEqual([
      ...['reloaded', 'upstreams (changed upstream)', 'streams'],
    ])
    expect((await ask(reloading, streamed())).status).toBe(503)
    ;(await nextResponse()).end(chunkOf({ content: ' you' }, 'stop') + DONE)
    expect(await received.ended).toBe(true)
    expect(textOf(received)).toBe('Hi you')
  })

  it('finishes it before it stops', async () => {
    const stopping = stopAfterTest(await testGateway({ args: ['--upstream', model.url] }))
    answerWith(HELLO)
    const received = await stream(stopping, streamed())
    await received.events(1)
    const closed = stopping.close()
    const response = await nextResponse()
    response.write(chunkOf({ content: ' you' }))
    await received.events(2)
    response.end(chunkOf({}, 'stop') + DONE)
    expect(await received.ended).toBe(true)
    await closed
    expect(textOf(received)).toBe('Hi you')
  })

  it('does not wait for it for longer than it may', async () => {
    const stopping = await testGateway({
      args: ['--upstream', model.url],
      config: { drainTimeoutMs: 100 },
    })
    answerWith(HELLO)
    const received = await stream(stopping, streamed())
    await received.events(1)
    await stopping.close()
    expect(await received.ended).toBe(false)
    expect(await isClosed(await nextResponse())).toBe(true)
  })
})
