import { once } from 'node:events'
import { seededRandom, type ModelServer } from '@nomyo-internal/testing'
import { expect, it } from 'vitest'
import { chat, post, refusalOf, seal, startGateway } from './support.js'
import { metric } from './measure.js'
import { modelServer } from './upstreams.js'

type Answering = ModelServer['answer']

const ROUNDS = 40
const AT_ONCE = 25
const cut = 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"choices":['

/** Every way in which a model server fails. */
const FAULTS: Readonly<Record<string, Answering>> = {
  'says 400': (response) => void response.writeHead(400).end('{"error":{"message":"x"}}'),
  'says 401': (response) => void response.writeHead(401).end(),
  'says 404 for the model': (response) => void response.writeHead(404).end('{"error":"x"}'),
  'says 429': (response) => void response.writeHead(429, { 'retry-after-ms': '20' }).end(),
  'says 500': (response) => void response.writeHead(500).end('x'.repeat(100_000)),
  'says 503': (response) => void response.writeHead(503, { 'retry-after': '0.1' }).end(),
  drops: (_response, { socket }) => void socket.resetAndDestroy(),
  hangs: () => undefined,
  'hangs in an error': (response) => void response.writeHead(500).write('x'),
  'dies in its answer': (_response, { socket }) =>
    void socket.write(cut, () => socket.resetAndDestroy()),
  'hangs in its answer': (response) => void response.write('{"choices":['),
  'does not speak HTTP': (_response, { socket }) => void socket.end('SSH-2.0-x\r\n'),
  'answers an event stream': (response) =>
    void response.end('data: {"choices":[{"delta":{}}]}\n\ndata: {"choices":[]}\n\n'),
  'answers an error as a success': (response) => void response.end('{"error":{"code":500}}'),
  'answers an empty object': (response) => void response.end('{}'),
  'answers a page': (response) => void response.end('<html></html>'),
  'answers too much': (response) => void response.end(Buffer.alloc(12 * 1024 * 1024, 0x20)),
}

/** Every way in which a list of models is answered. */
const LISTS: readonly Answering[] = [
  (response) => void response.end('{"data":[{"id":"nomyo/echo"}]}'),
  (response) => void response.end('[{"id":"nomyo/echo"}]'),
  (response) => void response.end('{"models":[]}'),
  (response) => void response.writeHead(404).end(),
  (response) => void response.writeHead(500).end(),
  (_response, { socket }) => void socket.destroy(),
]

it('loses and leaks nothing while upstreams fail in every way', { timeout: 300_000 }, async () => {
  const random = seededRandom(17)
  const servers = await Promise.all(['a', 'b', 'c', 'd'].map(modelServer))
  const well = servers.map((server) => server.onCompletion)
  const gateway = await startGateway({
    args: ['--engine', 'demo', '--metrics-port=0'],
    config: {
      engine: {
        kind: 'upstreams',
        upstreams: servers.map(({ name, url }) => ({ name, url, timeouts: { totalMs: 1500 } })),
        health: { intervalMs: 50 },
      },
      load: { maxQueue: 4 * AT_ONCE },
    },
  })
  const counts = new Map<number, number>()
  const ask = async (): Promise<void> => {
    const answer = await post(gateway, await seal(chat('Hi')))
    counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1)
    // Anything but an answer is a refusal of the documented shape.
    if (answer.status !== 200) refusalOf(answer)
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, server] of servers.entries()) {
      const isWell = random.below(3) === 0
      server.onCompletion = isWell ? well[at]! : random.of(Object.values(FAULTS))
      const list = random.of(LISTS)
      server.answer = (response, seen) => {
        if (seen.method === 'GET') list(response, seen)
        else server.onCompletion(response, seen)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, ask))
  }
  expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(ROUNDS * AT_ONCE)
  const known = [200, 400, 429, 502, 503, 504]
  expect([...counts.keys()].filter((status) => !known.includes(status))).toEqual([])
  expect(counts.get(200)).toBeGreaterThan(0)
  // Which of the refusals occur depends on the time that attempts take.
  expect(counts.size).toBeGreaterThan(2)

  // Attempts are bounded, and counted.
  const attempts = servers.flatMap((server) => server.completions()).length
  expect(attempts).toBeLessThanOrEqual(2 * ROUNDS * AT_ONCE)

  // All is well after a cool-down, and nothing is left.
  for (const [at, server] of servers.entries()) {
    server.answer = (response, seen) => {
      if (seen.method === 'GET') response.end('{"data":[]}')
      else well[at]!(response, seen)
    }
  }
  const healthy = async (): Promise<number[]> => {
    await ask()
    return Promise.all(
      servers.map(({ name }) => metric(gateway, `nomyo_upstream_healthy{upstream="${name}"}`)),
    )
  }
  await expect.poll(healthy, { timeout: 120_000 }).toEqual([1, 1, 1, 1])
  counts.clear()
  await Promise.all(Array.from({ length: AT_ONCE }, ask))
  expect([...counts]).toEqual([[200, AT_ONCE]])
  for (const { name } of servers) {
    expect(await metric(gateway, `nomyo_upstream_requests_in_flight{upstream="${name}"}`)).toBe(0)
  }
  await expect.poll(() => metric(gateway, 'nomyo_requests_in_flight')).toBe(0)
  expect(gateway.log()).not.toMatch(/"level":[56]0|stack/)

  await gateway.stop()
  const sockets = new Set(servers.flatMap(({ seen }) => seen.map(({ socket }) => socket)))
  for (const socket of sockets) if (!socket.closed) await once(socket, 'close')
  expect([...sockets].filter((socket) => !socket.closed)).toEqual([])
})
