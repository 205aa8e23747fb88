import type { FastifyBaseLogger } from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { HttpError } from '../src/http-error.js'
import { UpstreamRefusal } from '../src/upstreams/server/upstream-refusal.js'
import type { ModelServer } from '@nomyo-internal/testing'
import type { UpstreamPool } from '../src/upstreams/pool/pool.js'
import { chatRequestOf, engineContext } from './in-process.js'
import { chat, complete, send, statusOf, testGateway } from './support.js'
import { metric } from './measure.js'
import {
  ask,
  completionBy,
  modelServer,
  requestOf,
  testPool,
  type NamedServer,
  type Outcome,
} from './upstreams.js'

type Answering = ModelServer['answer']

const refuses =
  (status: number, body = '', headers = {}): Answering =>
  (response) =>
    void response.writeHead(status, headers).end(body)
const drops: Answering = (_response, { socket }) => void socket.resetAndDestroy()

/** A clock that stands still until a test moves it. */
function clock() {
  let time = 0
  return { now: () => time, advance: (ms: number) => void (time += ms) }
}

/** Asks so many times, one after the other, and counts the outcomes. */
async function askInTurn(pool: UpstreamPool, times: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (let turn = 0; turn < times; turn++) {
    const { by, status }: Outcome = await ask(pool)
    const outcome = String(by ?? status)
    counts[outcome] = (counts[outcome] ?? 0) + 1
  }
  return counts
}

async function refusalFor(pool: UpstreamPool, model = 'm'): Promise<HttpError> {
  const refused: unknown = await requestOf(pool, model).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(HttpError)
  return refused as HttpError
}

describe('of two upstreams, the one that fails at once', () => {
  it.each<[string, Answering]>([
    ['with 500', refuses(500)],
    ['with 503', refuses(503)],
    ['with 401', refuses(401)],
    ['by dropping the connection', drops],
    ['with an error in a success', refuses(200, '{"error":"x"}')],
    ['with an empty object', refuses(200, '{}')],
    ['with a page', refuses(200, '<html>')],
    ['with 404 for the model', refuses(404, '{"error":"model not found"}')],
    ['with 429', refuses(429)],
  ])('%s, gets one of 101 requests, and none is refused', async (_how, answer) => {
    const [bad, good] = [await modelServer('bad'), await modelServer('good')]
    bad.onCompletion = answer
    const { now } = clock()
    expect(await askInTurn(testPool([bad, good], {}, { now }), 101)).toEqual({ good: 101 })
    expect(bad.completions()).toHaveLength(1)
  })

  it('is tried by one request after each cool-down, and used again once it answers', async () => {
    const [bad, good] = [await modelServer('bad'), await modelServer('good')]
    const well = bad.onCompletion
    bad.onCompletion = refuses(500)
    const { now, advance } = clock()
    const pool = testPool([bad, good], {}, { now })
    for (const [tried, ms] of [1000, 2000, 4000].entries()) {
      await askInTurn(pool, 5)
      expect(bad.completions()).toHaveLength(tried + 1)
      // Polls succeed, and change nothing.
      await pool.models()
      advance(ms)
    }
    bad.onCompletion = well
    expect(await askInTurn(pool, 10)).toEqual({ bad: 5, good: 5 })
  })

  it.each<[string, Answering]>([
    ['without an answer', () => undefined],
    ['within an answer', (response) => void response.write('{"choices":[')],
  ])('is preferred no more once it hangs %s, whatever its checks say', async (_where, answer) => {
    const [bad, good] = [await modelServer('bad'), await modelServer('good')]
    bad.onCompletion = answer
    const { now } = clock()
    const pool = testPool([{ ...bad, timeouts: { totalMs: 200 } }, good], {}, { now })
    expect(await ask(pool)).toEqual({ status: 504 })
    await pool.models()
    expect(await askInTurn(pool, 20)).toEqual({ good: 20 })
    expect(bad.completions()).toHaveLength(1)
  })

  it('loses no request of many at once', async () => {
    const [bad, good] = [await modelServer('bad'), await modelServer('good')]
    bad.onCompletion = refuses(500)
    const pool = testPool([bad, good])
    const outcomes = await Promise.all(Array.from({ length: 101 }, () => ask(pool)))
    expect(outcomes.filter(({ by }) => by !== 'good')).toEqual([])
    expect(pool.upstreams().map(({ inFlight }) => inFlight)).toEqual([0, 0])
  })
})

describe('of three upstreams, two that fail', () => {
  it('cost one request at most, and then get none', async () => {
    const [a, b, c] = [await modelServer('a'), await modelServer('b'), await modelServer('c')]
    for (const server of [a, b]) server.onCompletion = refuses(500)
    const { now, advance } = clock()
    const pool = testPool([a, b, c], {}, { now })
    expect((await askInTurn(pool, 50))['c']).toBeGreaterThanOrEqual(49)
    // Only a comparison with the third one shows who is at fault.
    for (let round = 0; round < 3; round++) {
      advance(60_000)
      expect(await askInTurn(pool, 20)).toEqual({ c: 20 })
    }
  })
})

describe('a request that every upstream fails', () => {
  it.each<[string, Answering]>([
    ['by dropping the connection', drops],
    ['with 500', refuses(500)],
  ])('%s is tried twice, and condemns none', async (_how, answer) => {
    const servers: NamedServer[] = []
    for (const name of ['a', 'b', 'c', 'd']) servers.push(await modelServer(name))
    const isPoison = (body: string): boolean => body.includes('poison')
    for (const server of servers) {
      const well = server.onCompletion
      server.onCompletion = (response, seen) =>
        (isPoison(seen.body) ? answer : well)(response, seen)
    }
    const { now, advance } = clock()
    const pool = testPool(servers, { unhealthyAfter: 1 }, { now })
    for (let turn = 0; turn < 6; turn++) expect((await ask(pool, 'poison')).by).toBeUndefined()
    expect(servers.flatMap((server) => server.completions())).toHaveLength(12)
    expect(pool.upstreams().map(({ healthy }) => healthy)).toEqual([true, true, true, true])
    // All are used as before, a second later.
    advance(1000)
    const counts = await askInTurn(pool, 8)
    expect(Object.values(counts)).toEqual([2, 2, 2, 2])
  })
})

describe('a single upstream', () => {
  it('is asked once, and its failures show in its health', async () => {
    const server = await modelServer('only')
    const well = server.onCompletion
    server.onCompletion = drops
    const pool = testPool([server], { unhealthyAfter: 3 })
    for (let turn = 0; turn < 3; turn++) expect(await ask(pool)).toEqual({ status: 503 })
    expect(server.completions()).toHaveLength(3)
    expect(pool.upstreams()).toMatchObject([{ healthy: false }])
    server.onCompletion = well
    expect(await ask(pool)).toEqual({ by: 'only' })
    expect(pool.upstreams()).toMatchObject([{ healthy: true }])
  })
})

describe('a model', () => {
  const lists = (server: NamedServer, text: string): void => {
    const { answer } = server
    server.answer = (response, seen) => {
      if (seen.url === '/v1/models') response.end(text)
      else answer(response, seen)
    }
  }

  it('is asked of upstreams that list it, and of others when these are full or failing', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    lists(a, '{"data":[{"id":"of-a"}]}')
    lists(b, '{"models":[{"name":"of-b"}]}')
    const pool = testPool([a, b])
    await pool.models()
    for (let turn = 0; turn < 3; turn++) {
      expect(await ask(pool, 'of-a')).toEqual({ by: 'a' })
      expect(await ask(pool, 'of-b')).toEqual({ by: 'b' })
    }
    a.onCompletion = refuses(500)
    expect(await ask(pool, 'of-a')).toEqual({ by: 'b' })
  })

  it('is not asked again of an upstream that does not have it, for a minute', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    const has =
      (name: string, by: string): Answering =>
      (response, { body }) => {
        if (body.includes(`"${name}"`)) response.end(completionBy(by))
        else response.writeHead(404).end('{"error":"model not found"}')
      }
    a.onCompletion = has('of-a', 'a')
    b.onCompletion = has('of-b', 'b')
    const { now, advance } = clock()
    const pool = testPool([a, b], {}, { now })
    for (let turn = 0; turn < 10; turn++) {
      expect(await ask(pool, 'of-a')).toEqual({ by: 'a' })
      expect(await ask(pool, 'of-b')).toEqual({ by: 'b' })
    }
    expect(a.completions().length + b.completions().length).toBeLessThanOrEqual(22)
    expect(pool.upstreams().map(({ healthy }) => healthy)).toEqual([true, true])
    advance(60_000)
    a.onCompletion = has('of-b', 'a')
    const later = [await ask(pool, 'of-b'), await ask(pool, 'of-b')]
    expect(later.map(({ by }) => by).sort()).toEqual(['a', 'b'])
  })

  it('that none has is a refusal with the words of the server', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    for (const server of [a, b]) {
      server.onCompletion = refuses(404, '{"error":{"message":"no m","code":"model_not_found"}}')
    }
    const refused = await refusalFor(testPool([a, b]))
    expect(refused).toBeInstanceOf(UpstreamRefusal)
    expect(refused).toMatchObject({
      statusCode: 400,
      inner: { status: 404, message: 'no m', code: 'model_not_found' },
    })
  })

  it('that only a full upstream has is 503, not 404', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    b.onCompletion = refuses(404)
    let release = (): void => undefined
    a.onCompletion = (response) => void (release = () => response.end(completionBy('a')))
    const pool = testPool([{ ...a, maxConcurrent: 1 }, b])
    const first = ask(pool)
    await expect.poll(() => a.completions().length).toBe(1)
    expect(await ask(pool)).toEqual({ status: 503 })
    expect(await ask(pool)).toEqual({ status: 503 })
    expect(b.completions()).toHaveLength(1)
    release()
    expect(await first).toEqual({ by: 'a' })
  })
})

describe('an upstream is present', () => {
  it.each([
    ['without a list', 404, '{"detail":"Not Found"}'],
    ['with a bare array', 200, '[{"id":"m"}]'],
    ['with a list of another shape', 200, '{"models":[{"name":"m"}]}'],
    ['with a page', 200, '<html>'],
    ['that needs a key for the list', 401, ''],
    ['that refuses the method', 405, ''],
  ])('%s', async (_what, status, text) => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    const { answer } = a
    a.answer = (response, seen) => {
      if (seen.method === 'GET') response.writeHead(status).end(text)
      else answer(response, seen)
    }
    const pool = testPool([a, b], { unhealthyAfter: 1 })
    await pool.models()
    expect(pool.upstreams().map(({ healthy }) => healthy)).toEqual([true, true])
    expect(await askInTurn(pool, 4)).toMatchObject({ a: expect.any(Number) as number })
  })

  it.each([500, 503])('unless its check answers %i', async (status) => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    const { answer } = a
    a.answer = (response, seen) => {
      if (seen.method === 'GET') response.writeHead(status).end()
      else answer(response, seen)
    }
    const pool = testPool([a, b], { unhealthyAfter: 1 })
    await pool.models()
    expect(pool.upstreams().map(({ healthy }) => healthy)).toEqual([false, true])
    expect(await askInTurn(pool, 4)).toEqual({ b: 4 })
  })

  it.each([
    ['/health', '/health'],
    ['health/live', '/v1/health/live'],
  ])('by the path %s where it is configured, beside its list', async (healthPath, url) => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    const { answer } = a
    let status = 204
    a.answer = (response, seen) => {
      if (seen.url === url) response.writeHead(status).end()
      else answer(response, seen)
    }
    const pool = testPool([{ ...a, healthPath }, b], { unhealthyAfter: 1 })
    await pool.models()
    expect(a.seen.map((seen) => seen.url).sort()).toEqual([url, '/v1/models'].sort())
    expect(pool.upstreams()[0]!.healthy).toBe(true)
    status = 500
    await pool.models()
    expect(pool.upstreams()[0]!.healthy).toBe(false)
  })
})

describe('an answer that comes as a stream', () => {
  it.each([
    ['with a final [DONE]', `${completionBy('a')}\n\ndata: [DONE]\n\n`, 'application/json'],
    ['as one event', `data: ${completionBy('a')}\n\ndata: [DONE]\n\n`, 'text/event-stream'],
    ['as one event without an end', `data: ${completionBy('a')}\n\n`, 'text/event-stream'],
  ])('is read %s', async (_what, text, type) => {
    const a = await modelServer('a')
    a.onCompletion = (response) => void response.setHeader('content-type', type).end(text)
    expect(await ask(testPool([a]))).toEqual({ by: 'a' })
  })

  it.each([
    ['in chunks', 'data: {"choices":[{"delta":{}}]}\n\ndata: {"choices":[]}\n\ndata: [DONE]\n\n'],
    [
      'in one chunk',
      'data: {"object":"chat.completion.chunk","choices":[{"delta":{}}]}\n\ndata: [DONE]',
    ],
    ['with a comment', ': OPENROUTER PROCESSING\n\ndata: {}\n\n'],
  ])('is 502 %s, and the log names it', async (_what, text) => {
    const a = await modelServer('a')
    a.onCompletion = (response) => void response.end(text)
    const gateway = await testGateway({ args: ['--upstream', a.url] })
    expect(await statusOf(send(gateway))).toBe(502)
    expect(gateway.log()).toContain('event stream')
  })
})

describe('the log', () => {
  const linesOf = (log: string): Record<string, unknown>[] =>
    log
      .split('\n')
      .filter((line) => line.includes('"no answer from upstream"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)

  it('has one line for each kind of failure, with its reason, and neither a stack nor a text', async () => {
    const a = await modelServer('a')
    const gateway = await testGateway({ args: ['--upstream', a.url] })
    for (const answer of [refuses(500, 'canary'), refuses(500, 'canary'), drops, refuses(401)]) {
      a.onCompletion = answer
      await send(gateway)
    }
    a.stop()
    await send(gateway)
    const facts = { upstream: 'upstream', ms: expect.any(Number) as number, attempt: 1 }
    expect(linesOf(gateway.log())).toMatchObject([
      { ...facts, kind: 'error', status: 500 },
      { ...facts, kind: 'dropped', code: expect.stringMatching(/^[A-Z_]+$/) as string },
      { ...facts, kind: 'credentials', status: 401 },
      { ...facts, kind: 'connect', code: 'ECONNREFUSED' },
    ])
    expect(gateway.log()).not.toMatch(/stack|canary|\.[jt]s:/)
  })

  it('says why a health check fails', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    a.answer = (response) => void response.writeHead(503).end()
    b.stop()
    const upstreams = [a, b].map(({ name, url }) => ({ name, url }))
    const gateway = await testGateway({
      args: ['--engine', 'demo'],
      config: { engine: { kind: 'upstreams', upstreams, health: { intervalMs: 20 } } },
    })
    await expect.poll(() => gateway.log()).toMatch(/is unhealthy.*is unhealthy/s)
    const lines = linesOf(gateway.log())
    expect(lines).toHaveLength(2)
    expect(
      lines.sort((one, other) => (String(one['upstream']) < String(other['upstream']) ? -1 : 1)),
    ).toMatchObject([
      { upstream: 'a', kind: 'poll', status: 503 },
      { upstream: 'b', kind: 'poll', code: 'ECONNREFUSED' },
    ])
  })

  it('has no line for a request that is at fault', async () => {
    const a = await modelServer('a')
    a.onCompletion = refuses(400)
    const gateway = await testGateway({ args: ['--upstream', a.url] })
    expect(await statusOf(send(gateway))).toBe(400)
    expect(linesOf(gateway.log())).toEqual([])
  })
})

describe('the metrics', () => {
  it('count attempts, and failures by kind', async () => {
    const [bad, good] = [await modelServer('bad'), await modelServer('good')]
    bad.onCompletion = refuses(500)
    const upstreams = [bad, good].map(({ name, url }) => ({ name, url }))
    const gateway = await testGateway({
      args: ['--engine', 'demo', '--metrics-port=0'],
      config: { engine: { kind: 'upstreams', upstreams } },
    })
    await complete(gateway, chat('Hi'))
    const counted = (name: string): Promise<number> => metric(gateway, name)
    expect(await counted('nomyo_upstream_attempts_total{upstream="bad"}')).toBe(1)
    expect(await counted('nomyo_upstream_attempts_total{upstream="good"}')).toBe(1)
    expect(await counted('nomyo_upstream_failures_total{upstream="bad",kind="error"}')).toBe(1)
    expect(await counted('nomyo_upstream_requests_in_flight{upstream="bad"}')).toBe(0)
  })
})

describe('a status that HTTP does not have', () => {
  it.each([600, 999])('%i is a failure of the server, with its words', async (status) => {
    const a = await modelServer('a')
    a.onCompletion = refuses(status, '{"error":{"message":"words"}}')
    expect(await refusalFor(testPool([a]))).toMatchObject({
      statusCode: 502,
      inner: { status: 500, message: 'words' },
    })
  })
})

describe('an update', () => {
  it('logs nothing of a check that it interrupts', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    const state = { begun: false, ended: false }
    b.answer = (response) => {
      state.begun = true
      response.once('close', () => (state.ended = true))
    }
    const pool = testPool([a, b], { unhealthyAfter: 1 })
    const warn = vi.fn()
    pool.start({ warn, info: () => undefined } as unknown as FastifyBaseLogger)
    await expect.poll(() => state.begun).toBe(true)
    pool.prepare({ upstreams: [a] }).commit()
    await expect.poll(() => state.ended).toBe(true)
    expect(warn).not.toHaveBeenCalled()
  })

  it('replaces what changed, keeps what did not, and lets requests finish', async () => {
    const [a, b, c] = [await modelServer('a'), await modelServer('b'), await modelServer('c')]
    const [ofA, ofB, ofC] = [a, b, c].map(({ name, url }) => ({ name, url }))
    const pool = testPool([ofA!, ofB!])
    const [kept] = pool.upstreams()
    let release = (): void => undefined
    b.onCompletion = (response) => void (release = () => response.end(completionBy('late')))
    await ask(pool)
    const inFlight = ask(pool)
    await expect.poll(() => b.completions().length).toBe(1)
    const update = pool.prepare({ upstreams: [ofA!, ofC!] })
    expect(update).toMatchObject({ added: ['c'], changed: [], removed: ['b'] })
    expect(pool.upstreams().map(({ name }) => name)).toEqual(['a', 'b'])
    update.commit()
    expect(pool.upstreams().map(({ name }) => name)).toEqual(['a', 'c'])
    expect(pool.upstreams()[0]).toBe(kept)
    expect(Object.keys(await askInTurn(pool, 4)).sort()).toEqual(['a', 'c'])
    release()
    expect(await inFlight).toEqual({ by: 'late' })
    const changed = pool.prepare({ upstreams: [{ ...ofA!, weight: 2 }, ofC!] })
    expect(changed).toMatchObject({ added: [], changed: ['a'], removed: [] })
    const polledMore = pool.prepare({ upstreams: [ofA!, ofC!], health: { intervalMs: 5 } })
    expect(polledMore).toMatchObject({ added: [], changed: [], removed: [] })
  })

  it('with a file that cannot be read changes nothing', async () => {
    const a = await modelServer('a')
    const pool = testPool([a])
    const missing = { name: 'b', url: 'https://b.invalid/v1', caFile: '/nonexistent' }
    expect(() => pool.prepare({ upstreams: [missing] })).toThrow(
      expect.objectContaining({ code: 'ERR_CA_FILE' }) as Error,
    )
    expect(await ask(pool)).toEqual({ by: 'a' })
  })
})

describe('the salt of a prompt cache', () => {
  const own = (server: NamedServer, owner: string): void => {
    const { answer } = server
    server.answer = (response, seen) => {
      if (seen.method === 'GET') response.end(`{"data":[{"id":"m","owned_by":"${owner}"}]}`)
      else answer(response, seen)
    }
  }
  const saltsOf = (server: NamedServer): unknown[] =>
    server
      .completions()
      .map(({ body }) => (JSON.parse(body) as Record<string, unknown>)['cache_salt'])

  it('reaches servers of vLLM and SGLang only', async () => {
    const servers = await Promise.all(['vllm', 'sglang', 'library'].map(modelServer))
    for (const server of servers) own(server, server.name)
    const request = await chatRequestOf({
      model: 'm',
      messages: [{ role: 'user', content: 'Hi' }],
      cache_salt: 'of the caller',
    })
    const pool = testPool(servers)
    await pool.models()
    for (let turn = 0; turn < 6; turn++) {
      const context = engineContext({ cacheSalt: 'salt' })
      await pool.complete(request, new AbortController().signal, context)
    }
    expect(servers.map(saltsOf)).toEqual([
      ['salt', 'salt'],
      ['salt', 'salt'],
      [undefined, undefined],
    ])
  })

  it('is there from the first request on, and without one the list is not read', async () => {
    const server = await modelServer('a')
    own(server, 'vllm')
    const request = await chatRequestOf({ model: 'm', messages: [{ role: 'user', content: 'x' }] })
    const pool = testPool([server])
    const { signal } = new AbortController()
    await pool.complete(request, signal, engineContext())
    expect(server.seen).toHaveLength(1)
    for (let turn = 0; turn < 2; turn++) {
      await pool.complete(request, signal, engineContext({ cacheSalt: 'salt' }))
    }
    expect(saltsOf(server)).toEqual([undefined, 'salt', 'salt'])
    expect(server.seen).toHaveLength(4)
  })

  it.each([
    [true, 'salt'],
    [false, undefined],
  ])('reaches a server or not as configured: %s', async (cacheSalt, expected) => {
    const server = await modelServer('a')
    own(server, cacheSalt ? 'library' : 'vllm')
    const request = await chatRequestOf({ model: 'm', messages: [{ role: 'user', content: 'x' }] })
    const context = engineContext({ cacheSalt: 'salt' })
    await testPool([{ ...server, cacheSalt }]).complete(
      request,
      new AbortController().signal,
      context,
    )
    expect(saltsOf(server)).toEqual([expected])
  })
})

describe('repeated failures', () => {
  it('are one line a minute with their number', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const { AttemptLog } = await import('../src/upstreams/pool/attempt-log.js')
    const lines: object[] = []
    const log = new AttemptLog()
    log.start({ warn: (facts: object) => void lines.push(facts) } as never)
    const failed = { upstream: 'a', kind: 'error', reason: 500, ms: 3.4, attempt: 1 }
    for (let count = 0; count < 10; count++) log.record(failed)
    log.record({ ...failed, reason: 'ECONNRESET', kind: 'dropped' })
    expect(lines).toEqual([
      { upstream: 'a', kind: 'error', status: 500, ms: 3, attempt: 1 },
      { upstream: 'a', kind: 'dropped', code: 'ECONNRESET', ms: 3, attempt: 1 },
    ])
    vi.advanceTimersByTime(60_000)
    expect(lines.slice(2)).toEqual([{ upstream: 'a', kind: 'error', status: 500, repeated: 9 }])
    vi.advanceTimersByTime(60_000)
    expect(lines).toHaveLength(3)
    log.record(failed)
    expect(lines).toHaveLength(4)
    log.close()
  })
})
