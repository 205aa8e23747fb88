import { describe, expect, it } from 'vitest'
import type { ModelServer } from '@nomyo-internal/testing'
import type { UpstreamPool } from '../src/upstreams/pool/pool.js'
import { chat, complete, testGateway, testModelServer } from './support.js'
import { metric } from './measure.js'
import {
  ask,
  completionBy,
  modelServer,
  nameIn,
  requestOf,
  testPool as pool,
  type NamedServer,
} from './upstreams.js'

/** Asks so many times at once, while every server keeps its answers back, and counts who was asked. */
async function share(asked: UpstreamPool, servers: readonly NamedServer[], requests: number) {
  const held: (() => void)[] = []
  for (const server of servers) {
    server.onCompletion = (response) => held.push(() => response.end(completionBy('held')))
  }
  const answers = Array.from({ length: requests }, () => ask(asked))
  await expect.poll(() => held.length).toBe(requests)
  const counts = servers.map((server) => server.completions().length)
  for (const release of held) release()
  await Promise.all(answers)
  return counts
}

describe('several upstreams', () => {
  it('share requests in flight evenly, or by weight', async () => {
    const servers = [await modelServer('a'), await modelServer('b')]
    expect(await share(pool(servers), servers, 8)).toEqual([4, 4])
    const weighted = [await modelServer('a'), await modelServer('b')]
    const [a, b] = weighted.map(({ url }) => url)
    expect(await share(pool([{ url: a! }, { url: b!, weight: 3 }]), weighted, 8)).toEqual([2, 6])
  })

  it('take turns when there is one request at a time', async () => {
    const asked = pool([await modelServer('a'), await modelServer('b')])
    const order: unknown[] = []
    for (let turn = 0; turn < 4; turn++) order.push((await ask(asked)).by)
    expect(order).toEqual(['a', 'b', 'a', 'b'])
  })

  it('get no more than they may have at a time, and one more is refused', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    const asked = pool([
      { url: a.url, maxConcurrent: 1 },
      { url: b.url, maxConcurrent: 2 },
    ])
    expect(await share(asked, [a, b], 3)).toEqual([1, 2])
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    for (const server of [a, b]) {
      server.onCompletion = (response) => void held.then(() => response.end(completionBy('held')))
    }
    const waiting = [ask(asked), ask(asked), ask(asked)]
    expect(await ask(asked)).toEqual({ status: 503 })
    release()
    await Promise.all(waiting)
    expect(await ask(asked)).toEqual({ by: 'held' })
  })

  it('are asked for their models only', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    const asked = pool([
      { ...a, models: ['llama', 'qwen/*'] },
      { ...b, models: ['*-coder*7b'] },
    ])
    for (const model of ['llama', 'qwen/', 'qwen/3'])
      expect(await ask(asked, model)).toEqual({ by: 'a' })
    for (const model of ['x-coder7b', '-coder-coder-7b']) {
      expect(await ask(asked, model)).toEqual({ by: 'b' })
    }
    for (const model of ['Llama', 'llama2', 'qwen', '-code7b', '-coder7b2']) {
      expect(await ask(asked, model)).toEqual({ status: 400 })
    }
  })

  it('are used for the tiers they are marked for, standard alone by default', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    const asked = pool([a, { ...b, tiers: ['high'] }])
    expect(await ask(asked, 'm', 'standard')).toEqual({ by: 'a' })
    expect(await ask(asked, 'm', 'high')).toEqual({ by: 'b' })
    expect(await ask(asked, 'm', 'maximum')).toEqual({ status: 403 })
  })

  it('get each its own key', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    const asked = pool([{ ...a, apiKey: 'key-of-a' }, b])
    await ask(asked)
    await ask(asked)
    expect(a.completions()[0]!.headers.authorization).toBe('Bearer key-of-a')
    expect(b.completions()[0]!.headers).not.toHaveProperty('authorization')
  })
})

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n'

describe('another upstream is asked in place of one', () => {
  const faults: Record<string, ModelServer['answer']> = {
    'that resets': (_response, { socket }) => void socket.resetAndDestroy(),
    'that closes': (_response, { socket }) => void socket.end(),
    'that does not speak HTTP': (_response, { socket }) => void socket.end('SSH-2.0-x\r\n'),
    'that says 502': (response) => void response.writeHead(502).end('x'),
    'that says 503': (response) => void response.writeHead(503).end('x'),
    'that says 504': (response) => void response.writeHead(504).end('x'),
    'that says 500': (response) => void response.writeHead(500).end('x'),
    'that says 429': (response) => void response.writeHead(429).end('x'),
    'that refuses the key': (response) => void response.writeHead(401).end('x'),
    'that has no such model': (response) => void response.writeHead(404).end('x'),
    'that dies in its answer': (_response, { socket }) =>
      void socket.write(`${HEAD}{"a":`, () => socket.resetAndDestroy()),
    'that ends its answer early': (_response, { socket }) => void socket.end(`${HEAD}{`),
    'that answers garbage': (response) => void response.end('garbage'),
    'that answers an object without choices': (response) => void response.end('{}'),
    'that answers a stream': (response) => void response.end('data: {"choices":[{}]}\n\ndata: {}'),
    'that answers an error as a success': (response) =>
      void response.end('{"error":{"message":"x","type":"server_error"}}'),
  }
  it.each(Object.entries(faults))('%s', async (_what, fault) => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    a.onCompletion = fault
    expect(await ask(pool([a, b]))).toEqual({ by: 'b' })
    expect(a.completions()).toHaveLength(1)
  })

  it('that is not there', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    a.stop()
    expect(await ask(pool([a, b]))).toEqual({ by: 'b' })
  })

  it('but not beyond its models and tiers', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    a.stop()
    expect(await ask(pool([a, { ...b, models: ['other'] }]))).toEqual({ status: 503 })
    const marked = pool([{ ...a, tiers: ['high'] }, b])
    expect(await ask(marked, 'm', 'high')).toEqual({ status: 503 })
    expect(b.completions()).toHaveLength(0)
  })

  it('once only, whatever the number of upstreams', async () => {
    const servers = [await modelServer('a'), await modelServer('b'), await modelServer('c')]
    for (const server of servers) {
      server.onCompletion = (response) => void response.writeHead(502).end()
    }
    expect(await ask(pool(servers))).toEqual({ status: 502 })
    expect(servers.map((server) => server.completions().length)).toEqual([1, 1, 0])
  })
})

describe('no other upstream is asked in place of one', () => {
  const faults: Record<string, readonly [number, ModelServer['answer']]> = {
    'that sends no headers in time': [504, () => undefined],
    'that does not end its answer in time': [504, (response) => void response.write('{')],
    'that says 400': [400, (response) => void response.writeHead(400).end()],
    'that says 422': [400, (response) => void response.writeHead(422).end()],
    'that answers an error of the request as a success': [
      400,
      (response) => void response.end('{"error":{"message":"x","type":"invalid_request_error"}}'),
    ],
  }
  it.each(Object.entries(faults))('%s', async (_what, [status, fault]) => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    a.onCompletion = fault
    expect(await ask(pool([{ ...a, timeouts: { totalMs: 500 } }, b]))).toEqual({ status })
    expect(b.completions()).toHaveLength(0)
  })

  it('that answers too much', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    a.onCompletion = (response) => void response.end('x'.repeat(12_000_000))
    expect(await ask(pool([a, b]))).toEqual({ status: 502 })
    expect(b.completions()).toHaveLength(0)
  })

  it('that is given less time for headers than for all', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    a.onCompletion = () => undefined
    expect(await ask(pool([{ ...a, timeouts: { headersMs: 300 } }, b]))).toEqual({ status: 504 })
    expect(b.completions()).toHaveLength(0)
  })

  it('when the caller has hung up', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    const caller = new AbortController()
    a.onCompletion = () => caller.abort()
    await expect(requestOf(pool([a, b]), 'm', caller)).rejects.toThrow()
    expect(b.completions()).toHaveLength(0)
  })
})

describe('an unhealthy upstream', () => {
  const tell503: ModelServer['answer'] = (response) => void response.writeHead(503).end()

  it('is taken out of rotation, and asked when no other exists', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    a.onCompletion = tell503
    const asked = pool([a, b])
    for (let turn = 0; turn < 8; turn++) expect(await ask(asked)).toEqual({ by: 'b' })
    expect(a.completions()).toHaveLength(1)
    b.onCompletion = tell503
    expect(await ask(asked)).toEqual({ status: 503 })
    expect(a.completions()).toHaveLength(2)
  })

  it('is healthy after one answer', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    const well = a.onCompletion
    a.onCompletion = tell503
    const asked = pool([a, b], { unhealthyAfter: 1 })
    await ask(asked)
    a.onCompletion = well
    b.onCompletion = tell503
    expect(await ask(asked)).toEqual({ by: 'a' })
    expect(await ask(asked)).toEqual({ by: 'a' })
    expect(b.completions()).toHaveLength(2)
  })

  it('is not made by callers who hang up, nor by requests it refuses', async () => {
    const [a, b] = [await modelServer('a'), await modelServer('b')]
    const asked = pool([a, b], { unhealthyAfter: 1 })
    const caller = new AbortController()
    a.onCompletion = () => caller.abort()
    await expect(requestOf(asked, 'm', caller)).rejects.toThrow()
    a.onCompletion = (response) => void response.writeHead(400).end()
    b.onCompletion = a.onCompletion
    for (let turn = 0; turn < 4; turn++) expect(await ask(asked)).toEqual({ status: 400 })
    expect(a.completions()).toHaveLength(3)
  })
})

/** Starts a server that can be stopped and started again on its port. */
const mortalServer = (port?: number): Promise<ModelServer> =>
  testModelServer(
    (response, { method }) =>
      void setTimeout(() => response.end(completionBy('mortal')), method === 'POST' ? 5 : 0),
    port,
  )

describe('a gateway with two upstreams', () => {
  it('loses no request when one is killed under load, and uses it once it has recovered', async () => {
    const steady = await modelServer('steady')
    const mortal = await mortalServer()
    const { url } = mortal
    const gateway = await testGateway({
      args: ['--engine', 'demo', '--metrics-port=0'],
      config: {
        engine: {
          kind: 'upstreams',
          upstreams: [
            { name: 'upstream-1', url: steady.url },
            { name: 'upstream-2', url },
          ],
          health: { intervalMs: 100 },
        },
      },
    })
    const health = (number: number): Promise<number> =>
      metric(gateway, `nomyo_upstream_healthy{upstream="upstream-${number}"}`)
    let asked = 0
    const answeredBy: unknown[] = []
    const caller = async (): Promise<void> => {
      while (asked < 120) {
        if (++asked === 40) mortal.stop()
        const answer = await complete(gateway, chat('Hi'))
        answeredBy.push(nameIn(answer))
      }
    }
    await Promise.all(Array.from({ length: 6 }, caller))
    expect(answeredBy).toHaveLength(asked)
    expect(new Set(answeredBy)).toEqual(new Set(['steady', 'mortal']))
    await expect.poll(() => gateway.log(), { timeout: 15_000 }).toContain('is unhealthy')
    expect([await health(1), await health(2)]).toEqual([1, 0])
    await mortalServer(Number(new URL(url).port))
    await expect.poll(() => gateway.log(), { timeout: 15_000 }).toContain('has recovered')
    expect([await health(1), await health(2)]).toEqual([1, 1])
    // Its cool-down ends by itself.
    const answered = async (): Promise<unknown> => nameIn(await complete(gateway, chat('after')))
    await expect.poll(answered, { timeout: 15_000 }).toBe('mortal')
    expect(gateway.log()).not.toContain(url)
  })
})
