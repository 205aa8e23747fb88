import { ExportResultCode, type ExportResult } from '@opentelemetry/core'
import * as semconv from '@opentelemetry/semantic-conventions/incubating'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { UsageError } from '@nomyo-internal/command-line'
import { reportFailures } from '../src/observability/tracing/exporter.js'
import { SDK_PACKAGES, loadSdk } from '../src/observability/tracing/sdk.js'
import manifest from '../package.json' with { type: 'json' }
import { testReceiver, type OtlpReceiver, type ReceivedSpan } from './otlp/receiver.js'
import {
  chat,
  expectEcho,
  readConfig,
  send,
  startGateway,
  statusOf,
  testGateway,
  testModelServer,
  type TestGateway,
} from './support.js'
import { DONE, chunkOf, stream } from './streams/stream-client.js'
import { ask } from './wire-2/client.js'

const KEY = 'test-key-of-16-characters'
const CANARY = 'canary-7f3a'
const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const ANSWER = JSON.stringify({
  object: 'chat.completion',
  model: 'llama-3.3-70b-instruct',
  choices: [{ index: 0, message: { role: 'assistant', content: CANARY }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 12, completion_tokens: 34, total_tokens: 46 },
})

/** Runs a gateway that traces to a receiver; it sends all spans when it closes. */
async function traced(
  args: readonly string[],
  work: (gateway: TestGateway) => Promise<void>,
  receiver?: OtlpReceiver,
): Promise<{ readonly receiver: OtlpReceiver; readonly log: string }> {
  const own = receiver ?? (await testReceiver())
  const gateway = await startGateway({ args: [...args, '--otlp-endpoint', own.url] })
  try {
    await work(gateway)
  } finally {
    await gateway.stop()
  }
  return { receiver: own, log: gateway.log() }
}

const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan => {
  const [span, ...others] = spans.filter((candidate) => candidate.name === name)
  expect([name, others.length]).toEqual([name, 0])
  return span!
}

describe('traces', () => {
  it('name the route of wire 2, with a step each and the model server', async () => {
    const upstream = await testModelServer()
    upstream.answer = (response) => response.end(ANSWER)
    const { receiver } = await traced(
      ['--upstream', upstream.url, '--api-key', KEY],
      async (gateway) => {
        const answer = await ask(gateway, {
          fields: { authorization: `Bearer ${KEY}` },
          content: chat(CANARY, { model: 'llama' }),
        })
        expect(answer.status).toBe(200)
      },
    )
    const { spans } = receiver
    const server = named(spans, 'POST /.well-known/ohttp-gateway')
    expect(server.attributes).toMatchObject({
      'http.route': '/.well-known/ohttp-gateway',
      'http.response.status_code': 200,
    })
    const client = named(spans, 'chat llama')
    const decrypt = named(spans, 'decrypt')
    for (const child of [client, decrypt]) {
      expect(child).toMatchObject({ traceId: server.traceId, parentId: server.spanId })
    }
    expect(decrypt.endNs).toBeLessThanOrEqual(client.startNs)
  })

  it.each([
    ['complete', chunkOf({ content: CANARY }, 'stop') + DONE, 0],
    ['failed', chunkOf({ content: CANARY }), 2],
  ])('show how a stream ended: %s', async (end, events, status) => {
    const upstream = await testModelServer()
    upstream.answer = (response) => {
      response.setHeader('content-type', 'text/event-stream').end(events)
    }
    const { receiver } = await traced(['--upstream', upstream.url], async (gateway) => {
      const content = chat(CANARY, { model: 'llama', stream: true })
      expect(await (await stream(gateway, { content })).ended).toBe(true)
    })
    const { spans } = receiver
    const client = spans.find(({ kind }) => kind === 3)
    expect(client).toMatchObject({ status, attributes: { 'nomyo.stream.end': end } })
    expect(named(spans, 'POST /.well-known/ohttp-gateway').status).toBe(status)
    expect(client?.attributes['error.type']).toBe(end === 'failed' ? 'upstream_failed' : undefined)
  })

  it('name the operation of other endpoints, and not their texts', async () => {
    const { receiver } = await traced(['--engine', 'demo'], async (gateway) => {
      const content = { model: 'nomyo/echo', input: CANARY }
      expect((await ask(gateway, { path: '/v1/embeddings', content })).status).toBe(200)
    })
    const client = named(receiver.spans, 'embeddings nomyo/echo')
    expect(client.attributes['gen_ai.operation.name']).toBe('embeddings')
    const server = named(receiver.spans, 'POST /.well-known/ohttp-gateway')
    expect(server.attributes['nomyo.endpoint']).toBe('POST /v1/embeddings')
    const all = JSON.stringify(receiver.spans, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    )
    expect(all).not.toContain(CANARY)
  })

  it('have a server span, a step each, and the model server by the conventions for GenAI', async () => {
    const upstream = await testModelServer()
    upstream.answer = (response) => response.end(ANSWER)
    const { receiver } = await traced(
      ['--upstream', upstream.url, '--api-key', KEY],
      async (gateway) => {
        const request = chat(CANARY, { model: 'llama' })
        const headers = { authorization: `Bearer ${KEY}`, 'x-security-tier': 'high' }
        expect(await statusOf(send(gateway, request, headers))).toBe(200)
      },
    )
    const { spans } = receiver
    const server = named(spans, 'POST /v1/chat/secure_completion')
    expect(server).toMatchObject({ kind: 2, parentId: '', status: 0 })
    expect(server.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/v1/chat/secure_completion',
      'http.response.status_code': 200,
      'nomyo.key': '--api-key 1',
      'nomyo.tier': 'high',
      'nomyo.request_id': expect.any(String),
      'nomyo.endpoint': 'POST /v1/chat/completions',
    })
    const client = named(spans, 'chat llama')
    expect(client).toMatchObject({ kind: 3, status: 0 })
    const { port } = new URL(upstream.url)
    expect(client.attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'llama',
      'gen_ai.response.model': 'llama-3.3-70b-instruct',
      'gen_ai.usage.input_tokens': 12,
      'gen_ai.usage.output_tokens': 34,
      'http.response.status_code': 200,
      'server.address': '127.0.0.1',
      'server.port': Number(port),
      'nomyo.upstream': 'upstream',
    })
    const steps = ['queue', 'decrypt', 'encrypt'].map((name) => named(spans, name))
    expect(spans).toHaveLength(5)
    for (const child of [client, ...steps]) {
      expect(child).toMatchObject({ traceId: server.traceId, parentId: server.spanId })
      expect(child.startNs).toBeGreaterThanOrEqual(server.startNs)
      expect(child.endNs).toBeLessThanOrEqual(server.endNs)
    }
    expect(steps[1]!.endNs).toBeLessThanOrEqual(client.startNs)
    expect(receiver.resource['service.name']).toBe('nomyo-gateway')
    // Neither prompt nor answer, nor the API key.
    const all = JSON.stringify(spans, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    )
    expect(all).not.toContain(CANARY)
    expect(all).not.toContain(KEY)
  })

  it('use names of the semantic conventions', async () => {
    const { receiver } = await traced(['--engine', 'demo'], async (gateway) => {
      expect(await statusOf(send(gateway, chat('Hi', { messages: [] })))).toBe(400)
      await expectEcho(gateway, 'Hi')
    })
    const known = new Set<unknown>(Object.values(semconv))
    const names = receiver.spans.flatMap(({ attributes }) => Object.keys(attributes))
    expect(names).toContain('gen_ai.operation.name')
    expect(names).toContain('error.type')
    expect(names.filter((name) => !name.startsWith('nomyo.') && !known.has(name))).toEqual([])
  })

  it('continue the trace of the caller, and are continued by the model server', async () => {
    const upstream = await testModelServer()
    upstream.answer = (response) => response.end(ANSWER)
    const { receiver } = await traced(['--upstream', upstream.url], async (gateway) => {
      const headers = { traceparent: PARENT, tracestate: 'vendor=value' }
      expect(await statusOf(send(gateway, undefined, headers))).toBe(200)
    })
    const server = named(receiver.spans, 'POST /v1/chat/secure_completion')
    expect(server).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      parentId: 'b7ad6b7169203331',
      traceState: 'vendor=value',
    })
    const client = receiver.spans.find(({ kind }) => kind === 3)!
    const { headers } = upstream.seen.at(-1)!
    expect(headers['traceparent']).toBe(`00-${server.traceId}-${client.spanId}-01`)
    expect(headers['tracestate']).toBe('vendor=value')
  })

  it.each([
    ['all zeros', '00-00000000000000000000000000000000-b7ad6b7169203331-01'],
    ['capitals', PARENT.toUpperCase()],
    ['a short id', '00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01'],
    ['version ff', PARENT.replace(/^00/, 'ff')],
    ['more fields in version 00', `${PARENT}-extra`],
    ['two values', `${PARENT}, ${PARENT}`],
    ['much text', 'x'.repeat(4000)],
  ])('begin anew at a traceparent with %s', async (_, traceparent) => {
    const upstream = await testModelServer()
    upstream.answer = (response) => response.end(ANSWER)
    const { receiver } = await traced(['--upstream', upstream.url], async (gateway) => {
      const headers = { traceparent, tracestate: 'vendor=value' }
      expect(await statusOf(send(gateway, undefined, headers))).toBe(200)
    })
    const server = named(receiver.spans, 'POST /v1/chat/secure_completion')
    expect(server).toMatchObject({ parentId: '', traceState: '' })
    expect(server.traceId).not.toBe(PARENT.slice(3, 35))
    expect(upstream.seen.at(-1)!.headers['tracestate']).toBeUndefined()
  })

  it('drop a tracestate that is too long', async () => {
    const upstream = await testModelServer()
    upstream.answer = (response) => response.end(ANSWER)
    await traced(['--upstream', upstream.url], async (gateway) => {
      const tracestate = `vendor=${'x'.repeat(6000)}`
      expect(await statusOf(send(gateway, undefined, { traceparent: PARENT, tracestate }))).toBe(
        200,
      )
    })
    const { headers } = upstream.seen.at(-1)!
    expect(headers['traceparent']).toContain(PARENT.slice(3, 35))
    expect(String(headers['tracestate'] ?? '').length).toBeLessThanOrEqual(512)
  })

  it('are not recorded where the caller does not sample, and go on', async () => {
    const upstream = await testModelServer()
    upstream.answer = (response) => response.end(ANSWER)
    const { receiver } = await traced(['--upstream', upstream.url], async (gateway) => {
      const traceparent = PARENT.replace(/01$/, '00')
      expect(await statusOf(send(gateway, undefined, { traceparent }))).toBe(200)
    })
    expect(receiver.spans).toEqual([])
    expect(upstream.seen.at(-1)!.headers['traceparent']).toMatch(/^00-0af7651916cd.*-00$/)
  })

  it('show the failure of a model server, and a bounded name of the model', async () => {
    const upstream = await testModelServer()
    upstream.answer = (response) => response.writeHead(500).end(CANARY)
    const { receiver } = await traced(['--upstream', upstream.url], async (gateway) => {
      const request = chat('Hi', { model: `m\n${'x'.repeat(200)}` })
      expect(await statusOf(send(gateway, request))).toBeGreaterThanOrEqual(500)
    })
    const client = named(receiver.spans, 'chat')
    expect(client).toMatchObject({ kind: 3, status: 2 })
    expect(client.attributes['error.type']).toMatch(/^upstream_/)
    expect(client.attributes['gen_ai.request.model']).toMatch(/^m\?x{126}$/)
    const server = named(receiver.spans, 'POST /v1/chat/secure_completion')
    expect(server.status).toBe(2)
    expect(server.attributes['error.type']).toBe(client.attributes['error.type'])
  })

  it('name no model with --log-model off', async () => {
    const { receiver } = await traced(['--engine', 'demo', '--log-model', 'off'], (gateway) =>
      expectEcho(gateway, 'Hi'),
    )
    const client = named(receiver.spans, 'chat')
    const models = Object.keys(client.attributes).filter((name) => name.endsWith('.model'))
    expect(models).toEqual([])
  })

  it('are not made of requests that are not admitted', async () => {
    const { receiver } = await traced(['--engine', 'demo', '--api-key', KEY], async (gateway) => {
      const headers = { authorization: 'Bearer wrong', traceparent: PARENT }
      expect(await statusOf(send(gateway, undefined, headers))).toBe(401)
    })
    expect(receiver.spans).toEqual([])
  })

  it('send no header and load nothing without an endpoint', async () => {
    const upstream = await testModelServer()
    upstream.answer = (response) => response.end(ANSWER)
    const gateway = await testGateway({ args: ['--upstream', upstream.url] })
    expect(await statusOf(send(gateway, undefined, { traceparent: PARENT }))).toBe(200)
    expect(upstream.seen.at(-1)!.headers['traceparent']).toBeUndefined()
  })
})

describe('a receiver of traces', () => {
  it('that refuses is reported once, and counted, and disturbs no request', async () => {
    const receiver = await testReceiver()
    receiver.answer = (response) => response.writeHead(400).end(CANARY)
    const { log } = await traced(
      ['--engine', 'demo'],
      (gateway) => expectEcho(gateway, 'Hello!'),
      receiver,
    )
    expect(receiver.requests).toHaveLength(1)
    expect(log.match(/traces cannot be exported \(400\)/g)).toHaveLength(1)
    expect(log).not.toContain(CANARY)
  })

  it('that recovers is reported, and spans are counted by result', () => {
    const results: ExportResult[] = [
      { code: ExportResultCode.FAILED, error: Object.assign(new Error('canary'), { code: 503 }) },
      { code: ExportResultCode.FAILED },
      { code: ExportResultCode.SUCCESS },
      { code: ExportResultCode.SUCCESS },
    ]
    const [messages, counts]: [string[], [string, number][]] = [[], []]
    const log = (message: string) => void messages.push(message)
    const exporter = reportFailures(
      {
        export: (_, done) => done(results.shift()!),
        shutdown: () => Promise.resolve(),
      },
      { info: log, warn: log },
      (...count) => counts.push(count),
    )
    const sent: number[] = []
    for (let n = 0; n < 4; n++) exporter.export([], ({ code }) => sent.push(code))
    expect(sent).toEqual([1, 1, 0, 0])
    expect(counts.map(([result]) => result)).toEqual(['lost', 'lost', 'exported', 'exported'])
    expect(messages).toHaveLength(2)
    expect(messages[0]).toContain('(503)')
  })

  it('is named by a flag, the variables of OpenTelemetry, or the config file', () => {
    const endpoint = (args: readonly string[], env: Record<string, string> = {}) =>
      readConfig(['--engine', 'demo', ...args], env).tracing?.endpoint
    const BASE = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://base:4318' }
    const TRACES = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces:4318/own' }
    expect(endpoint([])).toBeUndefined()
    expect(endpoint([], BASE)).toBe('http://base:4318/v1/traces')
    expect(endpoint([], TRACES)).toBe('http://traces:4318/own')
    expect(endpoint([], { ...BASE, ...TRACES })).toBe('http://traces:4318/own')
    const flag = ['--otlp-endpoint', 'https://flag.example/otlp/']
    expect(endpoint(flag, { ...BASE, ...TRACES })).toBe('https://flag.example/otlp/v1/traces')
    expect(endpoint(flag, { OTEL_SDK_DISABLED: 'true' })).toBeUndefined()
    expect(endpoint(flag, { OTEL_SDK_DISABLED: 'false' })).toBeDefined()
    expect(endpoint(flag, { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' })).toBeDefined()
    // Of other programs in the same environment.
    expect(endpoint([], { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toBeUndefined()
  })

  it.each([
    [['--otlp-endpoint', 'localhost:4318'], {}],
    [['--otlp-endpoint', 'ftp://receiver.example'], {}],
    [['--otlp-endpoint', 'http://user:secret@receiver.example'], {}],
    [[], { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'receiver' }],
    [[], { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }],
  ])('is refused: %j %j', (args, env) => {
    expect(() => readConfig(['--engine', 'demo', ...args], env as Record<string, string>)).toThrow(
      UsageError,
    )
  })

  it('gets the headers and the resource that the variables name', async () => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'x-tenant=one,authorization=Bearer%20token')
    vi.stubEnv('OTEL_SERVICE_NAME', 'gateway-1')
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment.name=test')
    onTestFinished(() => void vi.unstubAllEnvs())
    const { receiver } = await traced(['--engine', 'demo'], (gateway) => expectEcho(gateway, 'Hi'))
    expect(receiver.requests[0]).toMatchObject({
      path: '/v1/traces',
      headers: { 'x-tenant': 'one', authorization: 'Bearer token' },
    })
    expect(receiver.resource).toMatchObject({
      'service.name': 'gateway-1',
      'deployment.environment.name': 'test',
    })
  })
})

it('names the command that installs the SDK where that is missing', async () => {
  const missing = Object.assign(new Error('canary'), { code: 'ERR_MODULE_NOT_FOUND' })
  const failure = await loadSdk(() => Promise.reject(missing)).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'ERR_TRACING' })
  expect(String(failure)).toContain(`npm install --global ${SDK_PACKAGES.join(' ')}`)
  expect(String(failure)).not.toContain('canary')
})

it('refuses an endpoint that is no URL, from a program too', async () => {
  const start = startGateway({ config: { tracing: { endpoint: 'nowhere' } } })
  await expect(start).rejects.toMatchObject({ code: 'ERR_TRACING' })
})

it('names the versions of the manifest in the command that installs the SDK', () => {
  const peers = Object.entries(manifest.peerDependencies).map(([name, range]) => `${name}@${range}`)
  expect([...SDK_PACKAGES].sort()).toEqual(peers.sort())
})
