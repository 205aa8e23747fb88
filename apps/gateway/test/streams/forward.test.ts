import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { RouteAnswer, RouteRequest } from '../../src/upstreams/route.js'
import type { UpstreamPool } from '../../src/upstreams/pool/pool.js'
import { engineContext } from '../in-process.js'
import { modelServer, testPool, type NamedServer } from '../upstreams.js'

const streamRequest: RouteRequest = {
  path: '/chat/completions',
  model: 'm',
  accept: 'text/event-stream',
  streamed: true,
  body: ({ cacheSalt }) => {
    const bytes = Buffer.from(JSON.stringify({ model: 'm', stream: true, cache_salt: cacheSalt }))
    return { contentType: 'application/json', byteLength: bytes.length, toBody: () => bytes }
  },
}

const forward = (
  pool: UpstreamPool,
  signal = new AbortController().signal,
  streamIdleMs?: number,
): Promise<RouteAnswer> => pool.forward(streamRequest, signal, engineContext({ streamIdleMs }))

const sse = (response: ServerResponse): ServerResponse =>
  response.setHeader('content-type', 'text/event-stream')

async function dataOf({ body, close }: RouteAnswer): Promise<string[]> {
  if (body.kind !== 'events') throw new Error(body.kind)
  try {
    const data: string[] = []
    for await (const event of body.events) data.push(event.data)
    return data
  } finally {
    close()
  }
}

const poolOf = (...servers: NamedServer[]) =>
  testPool(servers.map(({ url, name }) => ({ url, name })))

describe('a streamed answer', () => {
  it('arrives as events, and occupies its server until it is closed', async () => {
    const server = await modelServer('a')
    server.onCompletion = (response) => {
      sse(response).end('data: {"a":1}\n\ndata: [DONE]\n\n')
    }
    const pool = poolOf(server)
    const answer = await forward(pool)
    expect(answer).toMatchObject({ contentType: 'text/event-stream', upstream: 'a' })
    expect(pool.upstreams()[0]?.inFlight).toBe(1)
    expect(await dataOf(answer)).toEqual(['{"a":1}', '[DONE]'])
    answer.close()
    expect(pool.upstreams()[0]?.inFlight).toBe(0)
    expect(server.completions()[0]?.headers).toMatchObject({ accept: 'text/event-stream' })
  })

  it('leaves its connection to the next one', async () => {
    const server = await modelServer('a')
    server.onCompletion = (response) => {
      sse(response).end('data: {"a":1}\n\ndata: [DONE]\n\n')
    }
    const pool = poolOf(server)
    for (let count = 0; count < 6; count++) await dataOf(await forward(pool))
    // One more at most, for a request that follows before the end of the last answer is read.
    expect(new Set(server.completions().map(({ socket }) => socket)).size).toBeLessThan(3)
  })

  it.each<[string, (response: ServerResponse) => void]>([
    ['an error as its first event', (response) => sse(response).end('data: {"error":"x"}\n\n')],
    ['no event', (response) => sse(response).end('')],
    ['another type', (response) => response.end('{"choices":[]}')],
    [
      'compression',
      (response) => sse(response).setHeader('content-encoding', 'gzip').end('data: 1\n\n'),
    ],
    ['a status', (response) => response.writeHead(500).end()],
    ['a connection that ends', (response) => response.destroy()],
  ])('comes from another server after %s', async (_name, fail) => {
    const [bad, good] = [await modelServer('a'), await modelServer('b')]
    bad.onCompletion = (response) => fail(response)
    good.onCompletion = (response) => {
      sse(response).end('data: {"a":1}\n\n')
    }
    const pool = poolOf(bad, good)
    const answers = [await forward(pool), await forward(pool)]
    expect(answers.map(({ upstream }) => upstream)).toEqual(['b', 'b'])
    expect(bad.completions()).toHaveLength(1)
    for (const answer of answers) answer.close()
    expect(pool.upstreams().map(({ inFlight }) => inFlight)).toEqual([0, 0])
  })

  it('reports a lost connection as such', async () => {
    const server = await modelServer('a')
    server.onCompletion = (response) => {
      sse(response).write('data: {"a":1}\n\n', () => setTimeout(() => response.destroy(), 20))
    }
    const other = await modelServer('b')
    other.onCompletion = (response) => {
      sse(response).end('data: {"a":1}\n\n')
    }
    const pool = poolOf(server, other)
    await expect(dataOf(await forward(pool))).rejects.toMatchObject({ kind: 'dropped' })
    // The other server is preferred for a moment.
    const next = [await forward(pool), await forward(pool)]
    for (const answer of next) answer.close()
    expect(next.map(({ upstream }) => upstream)).toEqual(['b', 'b'])
  })

  it('ends when its server is silent for too long', async () => {
    const server = await modelServer('a')
    server.onCompletion = (response) => void sse(response).write('data: {"a":1}\n\n')
    const answer = await forward(poolOf(server), undefined, 50)
    await expect(dataOf(answer)).rejects.toMatchObject({
      kind: 'timeout',
      refusal: { statusCode: 504 },
    })
  })

  it.each<[string, string, number]>([
    ['is at fault itself', '{"error":{"message":"too long","type":"invalid_request_error"}}', 0],
    ['may be at fault', '{"error":{"message":"out of memory","code":500}}', 1],
  ])('whose request %s counts %#', async (_name, error, standing) => {
    const server = await modelServer('a')
    server.onCompletion = (response) => sse(response).end(`data: {"a":1}\n\ndata: ${error}\n\n`)
    const pool = poolOf(server)
    await expect(dataOf(await forward(pool))).rejects.toThrow()
    expect(pool.upstreams()[0]).toMatchObject({ health: { standing } })
  })

  it.each([
    ['text/event-stream', undefined],
    ['audio/wav', ['audio'] as const],
  ])('stops its server when it is closed before its end: %s', async (type, answers) => {
    const server = await modelServer('a')
    let response!: ServerResponse
    server.onCompletion = (given) => {
      response = given.setHeader('content-type', type)
      response.write('data: {"a":1}\n\n')
    }
    const caller = new AbortController()
    const request = { ...streamRequest, answers }
    const answer = await poolOf(server).forward(request, caller.signal, engineContext())
    answer.close()
    await once(response, 'close')
  })

  it('stops its server when the caller disconnects', async () => {
    const server = await modelServer('a')
    let response!: ServerResponse
    server.onCompletion = (given) => {
      response = sse(given)
      response.write('data: {"a":1}\n\n')
    }
    const caller = new AbortController()
    const answer = await forward(poolOf(server), caller.signal)
    caller.abort()
    await expect(dataOf(answer)).rejects.toThrow()
    await once(response, 'close')
  })
})
