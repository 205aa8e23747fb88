import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { startModelServer, type ModelServer } from '@nomyo-internal/testing'
import {
  HI,
  chat,
  post,
  refusalOf,
  seal,
  startGateway,
  temporaryFile,
  type TestGateway,
} from './support.js'

const COUNT = 20

type Answering = ModelServer['answer']

const well: Answering = (response) => response.end(HI)
const cut = 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"a":'
const faults = {
  closes: (_response, { socket }) => void socket.destroy(),
  dies: (_response, { socket }) => void socket.write(cut, () => socket.resetAndDestroy()),
  hangs: () => undefined,
  'hangs in its answer': (response) => void response.write('{"a":'),
  'answers garbage': (response) => response.end('<html>'),
  'does not speak HTTP': (_response, { socket }) => void socket.end('SSH-2.0-x\r\n'),
  'says 429': (response) => void response.writeHead(429, { 'retry-after': '7' }).end(),
  'says 500': (response) => void response.writeHead(500).end(),
  'says 503': (response) => void response.writeHead(503).end(),
} satisfies Record<string, Answering>
type Fault = keyof typeof faults

const servers = await Promise.all(Array.from({ length: 4 }, () => startModelServer()))
const alone = await gatewayFor(servers.slice(0, 1))
const several = await gatewayFor(servers)

afterAll(async () => {
  await Promise.all([alone.stop(), several.stop()])
  for (const server of servers) server.stop()
})

beforeEach(() => {
  for (const server of servers) {
    server.answer = well
    server.seen.length = 0
  }
})

async function gatewayFor(those: readonly ModelServer[]): Promise<TestGateway> {
  const upstreams = those.map(({ url }, at) => ({
    name: `upstream-${at}`,
    url,
    timeouts: { totalMs: 1000 },
  }))
  // None is spared within a test, so that each gets its share.
  const health = { unhealthyAfter: 100 }
  const path = temporaryFile(JSON.stringify({ upstreams, ...health, maxQueue: 2 * COUNT }))
  return startGateway({ args: ['--config', path] })
}

/** Sends so many sealed requests at once and counts the statuses. */
async function ask(gateway: TestGateway): Promise<Record<number, number>> {
  const bodies = await Promise.all(Array.from({ length: COUNT }, (_, at) => seal(chat(`${at}`))))
  const answers = await Promise.all(bodies.map((body) => post(gateway, body)))
  const counts: Record<number, number> = {}
  for (const answer of answers) {
    counts[answer.status] = (counts[answer.status] ?? 0) + 1
    if (answer.status !== 200) refusalOf(answer)
  }
  return counts
}

/** Without looks at the health. */
const asked = (...those: readonly ModelServer[]): number =>
  those.flatMap(({ seen }) => seen).filter(({ url }) => url?.endsWith('/completions')).length

describe(`${COUNT} requests at once to one upstream that`, () => {
  it.each([
    ['closes', 503],
    ['dies', 503],
    ['hangs', 504],
    ['hangs in its answer', 504],
    ['answers garbage', 502],
    ['does not speak HTTP', 503],
    ['says 429', 429],
    ['says 500', 502],
    ['says 503', 503],
  ] as const)('%s are all %i, each asked once, and all is well after', async (fault, status) => {
    servers[0]!.answer = faults[fault]
    expect(await ask(alone)).toEqual({ [status]: COUNT })
    expect(asked(...servers)).toBe(COUNT)
    servers[0]!.answer = well
    expect(await ask(alone)).toEqual({ 200: COUNT })
  })
})

describe(`${COUNT} requests at once to four upstreams, one of which`, () => {
  it.each(Object.keys(faults).filter((fault) => !fault.startsWith('hangs')) as Fault[])(
    '%s: all are answered, each asked twice at most',
    async (fault) => {
      servers[3]!.answer = faults[fault]
      expect(await ask(several)).toEqual({ 200: COUNT })
      expect(asked(...servers.slice(0, 3))).toBe(COUNT)
      expect(asked(...servers)).toBeGreaterThanOrEqual(COUNT)
      expect(asked(...servers)).toBeLessThanOrEqual(2 * COUNT)
    },
  )

  it.each(['hangs', 'hangs in its answer'] as const)(
    '%s: its share is 504, and no upstream is asked twice',
    async (fault) => {
      servers[3]!.answer = faults[fault]
      const { 200: answered = 0, 504: refused = 0 } = await ask(several)
      expect(answered + refused).toBe(COUNT)
      expect(refused).toBe(asked(servers[3]!))
      expect(asked(...servers)).toBe(COUNT)
    },
  )
})

describe(`${COUNT} requests at once that every one of four upstreams`, () => {
  it.each(['closes', 'says 500'] as const)(
    '%s: each is asked twice at most, and all are well after',
    async (fault) => {
      for (const server of servers) server.answer = faults[fault]
      const refused = { closes: 503, 'says 500': 502 }[fault]
      expect(await ask(several)).toEqual({ [refused]: COUNT })
      expect(asked(...servers)).toBe(2 * COUNT)
      for (const server of servers) server.answer = well
      expect(await ask(several)).toEqual({ 200: COUNT })
    },
  )
})
