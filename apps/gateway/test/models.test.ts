import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { until, type ModelServer } from '@nomyo-internal/testing'
import { createDemoEngine } from '../src/upstreams/demo/demo.js'
import type { Engine } from '../src/upstreams/engine.js'
import type { HealthCheckConfig } from '../src/upstreams/pool/health.js'
import { UpstreamPool } from '../src/upstreams/pool/pool.js'
import type { UpstreamConfig } from '../src/upstreams/pool/upstream.js'
import { ApiKeyStore } from '../src/access/api-keys/api-key-store.js'
import { listenInProcess } from './in-process.js'
import { get, refusalOf, testModelServer, type Answer } from './support.js'

/** A gateway in this process, on loopback. */
async function gatewayOf(engine: Engine, apiKeys?: readonly string[]): Promise<{ url: string }> {
  const keyStore = await ApiKeyStore.open({ apiKeys, keysFile: undefined })
  const { server, url } = await listenInProcess({ engine, currentKeys: () => keyStore.keys })
  onTestFinished(async () => {
    await server.close()
    await engine.close()
  })
  return { url }
}

async function upstreamWith(...ids: unknown[]): Promise<ModelServer> {
  const upstream = await testModelServer()
  const data = ids.map((id) => ({ id, object: 'model', owned_by: 'canary', root: '/canary' }))
  upstream.answer = (response) => response.end(JSON.stringify({ object: 'list', data }))
  return upstream
}

const poolOf = (
  upstreams: readonly Partial<UpstreamConfig>[],
  health: HealthCheckConfig = {},
): UpstreamPool =>
  new UpstreamPool({
    upstreams: upstreams.map((upstream, at) => ({ name: `u${at}`, url: '', ...upstream })),
    health,
  })

function namesIn(answer: Answer): unknown[] {
  expect(answer.status).toBe(200)
  const { object, data } = JSON.parse(new TextDecoder().decode(answer.bytes)) as {
    object: unknown
    data: Record<string, unknown>[]
  }
  expect(object).toBe('list')
  for (const model of data) {
    expect(model).toEqual({ id: model['id'], object: 'model', created: 0, owned_by: 'gateway' })
  }
  return data.map(({ id }) => id)
}

const list = async (engine: Engine): Promise<unknown[]> =>
  namesIn(await get(await gatewayOf(engine), '/v1/models'))

describe('GET /v1/models', () => {
  it('lists those of the demo engine', async () => {
    expect(await list(createDemoEngine())).toEqual(['nomyo/demo', 'nomyo/echo'])
  })

  it('lists those of all upstreams, each once, and nothing else they say', async () => {
    const [a, b] = [await upstreamWith('b', 'a'), await upstreamWith('c', 'b')]
    expect(await list(poolOf([{ ...a, apiKey: 'key' }, b]))).toEqual(['a', 'b', 'c'])
    expect(a.seen[0]!.url).toBe('/v1/models')
    expect(a.seen[0]!.headers.authorization).toBe('Bearer key')
  })

  it('lists what an upstream is asked for only', async () => {
    const a = await upstreamWith('llama', 'qwen/3', 'secret')
    expect(await list(poolOf([{ ...a, models: ['llama', 'qwen/*', 'absent'] }]))).toEqual([
      'llama',
      'qwen/3',
    ])
  })

  it('leaves out an upstream that fails, at once or without end', async () => {
    const good = await upstreamWith('good')
    const answers: ModelServer['answer'][] = [
      (response) => void response.writeHead(500).end('canary'),
      (response) => void response.end('canary'),
      (response) => void response.end('[]'),
      (response) => void response.end('{"data":7}'),
      (response) => void response.end(`{"data":[],"x":"${'x'.repeat(2 * 1024 * 1024)}"}`),
      (_response, { socket }) => void socket.destroy(),
      () => undefined,
    ]
    const bad = await Promise.all(answers.map(() => upstreamWith()))
    for (const [at, answer] of answers.entries()) bad[at]!.answer = answer
    const timeouts: AbortController[] = []
    vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
      timeouts.push(new AbortController())
      return timeouts.at(-1)!.signal
    })
    onTestFinished(() => void vi.restoreAllMocks())
    const listed = list(poolOf([...bad, good]))
    // The last one never answers; its time is over once it was asked.
    await until(() => bad.at(-1)!.seen.length === 1)
    timeouts[bad.length - 1]!.abort(new DOMException('timeout', 'TimeoutError'))
    expect(await listed).toEqual(['good'])
  })

  it('tolerates any list of models', async () => {
    const names = Array.from({ length: 1200 }, (_, at) => `m${at}`)
    const odd = await upstreamWith(null, 7, '', 'x'.repeat(257), { id: 'a' }, 'good')
    expect(await list(poolOf([odd]))).toEqual(['good'])
    expect(await list(poolOf([await upstreamWith(...names)]))).toHaveLength(1000)
  })

  it('is 503 with no word of theirs when all fail', async () => {
    const a = await upstreamWith()
    a.answer = (response) => response.writeHead(500).end('canary')
    expect(refusalOf(await get(await gatewayOf(poolOf([a])), '/v1/models'), 503)).not.toContain(
      'canary',
    )
  })

  it('does not ask an unhealthy upstream', async () => {
    const [sick, well] = [await upstreamWith('sick'), await upstreamWith('well')]
    const answerWell = sick.answer
    sick.answer = (response) => response.writeHead(500).end()
    const pool = poolOf([sick, well], { unhealthyAfter: 1 })
    expect(await pool.models()).toEqual(['well'])
    sick.answer = answerWell
    expect(await list(pool)).toEqual(['well'])
    expect(sick.seen).toHaveLength(1)
  })

  it('asks once for many callers', async () => {
    const a = await upstreamWith('a')
    const gateway = await gatewayOf(poolOf([a]))
    await Promise.all(Array.from({ length: 10 }, () => get(gateway, '/v1/models')))
    await get(gateway, '/v1/models')
    expect(a.seen).toHaveLength(1)
  })

  it('needs a key, before any upstream is asked', async () => {
    const a = await upstreamWith('a')
    const gateway = await gatewayOf(poolOf([a]), ['the-key-of-a-caller'])
    for (const headers of [{}, { authorization: 'Bearer wrong' }] as Record<string, string>[]) {
      expect((await get(gateway, '/v1/models', { headers })).status).toBe(401)
    }
    expect(a.seen).toHaveLength(0)
    const headers = { authorization: 'Bearer the-key-of-a-caller' }
    expect(namesIn(await get(gateway, '/v1/models', { headers }))).toEqual(['a'])
  })
})
