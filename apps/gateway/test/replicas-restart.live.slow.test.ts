import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeKeyDir, type ModelServer } from '@nomyo-internal/testing'
import { canRun, PROXIES, testProxy, type Proxy } from './proxies/proxy.js'
import { startLoad, tap, testReplicas, type Replicas, type Sent } from './proxies/replicas.js'
import { clientHeaders, testModelServer } from './support.js'

const SOON = { timeout: 30_000, interval: 20 }
const REQUESTS = 200

interface Scene {
  readonly upstream: ModelServer
  readonly replicas: Replicas
  readonly proxy: Proxy
}

/** A model server that takes a moment, two gateways, and a proxy before them. */
async function start(name: (typeof PROXIES)[number], ...args: string[]): Promise<Scene> {
  const upstream = await testModelServer()
  const answer = { choices: [{ index: 0, message: { role: 'assistant', content: 'Hi!' } }] }
  upstream.answer = (response) => setTimeout(() => response.end(JSON.stringify(answer)), 100)
  const replicas = await testReplicas(['--upstream', upstream.url, ...args])
  return { upstream, replicas, proxy: await testProxy(name, replicas.ports) }
}

/** No envelope was sent on by the client or answered by the gateways twice. */
function expectNoneAnsweredTwice(sent: readonly Sent[], replicas: Replicas): void {
  expect(new Set(sent.map(({ digest }) => digest)).size).toBe(sent.length)
  expect(new Set(sent.map(({ payloadId }) => payloadId)).size).toBe(sent.length)
  const answered = replicas.answered()
  expect(new Set(answered).size).toBe(answered.length)
}

/** A reload of nginx closes idle connections, also one that a client is sending on at that moment. */
const AGAIN = { nginx: 1, haproxy: 0 } as const

/** Longer than HAProxy takes to see that /ready says no; nginx does not ask it. */
const DRAIN_DELAY = { nginx: '0s', haproxy: '3s' } as const

type Restart = (which: 0 | 1, scene: Pick<Scene, 'replicas' | 'proxy'>) => Promise<void>

/** As docs/replicas.md has it. */
const RESTART: Record<(typeof PROXIES)[number], Restart> = {
  haproxy: async (which, { replicas }) => {
    await replicas.end(which, 'SIGTERM')
    await replicas.start(which)
  },
  nginx: async (which, { replicas, proxy }) => {
    const server = `server 127.0.0.1:${replicas.ports[which]}`
    await proxy.reconfigure((config) => config.replace(server, `${server} down`))
    await expectUnused(replicas, which)
    await replicas.end(which, 'SIGTERM')
    await replicas.start(which)
    await proxy.reconfigure((config) => config.replace(`${server} down`, server))
  },
}

const answeredBy = (replicas: Replicas, which: 0 | 1): number => replicas.served(200)[which]

/** While the other goes on: nothing more reaches this one. */
async function expectUnused(replicas: Replicas, which: 0 | 1): Promise<void> {
  const other = which === 0 ? 1 : 0
  const sinceThen = async (): Promise<number> => {
    const [mine, others] = [answeredBy(replicas, which), answeredBy(replicas, other)]
    await expect.poll(() => answeredBy(replicas, other), SOON).toBeGreaterThan(others + 10)
    return answeredBy(replicas, which) - mine
  }
  await expect.poll(sinceThen, SOON).toBe(0)
}

async function expectServing(replicas: Replicas, which: 0 | 1): Promise<void> {
  const before = answeredBy(replicas, which)
  await expect.poll(() => answeredBy(replicas, which), SOON).toBeGreaterThan(before)
}

/** The completions that a model server was asked for, without the health checks. */
const completionsOf = ({ seen }: ModelServer) => seen.filter(({ method }) => method === 'POST')

const questionsOf = (upstream: ModelServer): Set<string> =>
  new Set(completionsOf(upstream).map(({ body }) => /question \d+/.exec(body)?.[0] ?? ''))

describe.each(PROXIES)('two gateways behind %s, under load', (name) => {
  const skipped = !canRun(name)

  it.skipIf(skipped)(
    'lose none of the requests of a client that tries again, when one is killed',
    async () => {
      const { upstream, replicas, proxy } = await start(name)
      const { fetch, sent } = tap(proxy.fetchFrom())
      const load = await startLoad(proxy.url, fetch, {
        requests: REQUESTS,
        atATime: 16,
        maxRetries: 4,
      })
      await expect.poll(load.done, SOON).toBeGreaterThan(REQUESTS / 4)
      await replicas.end(0, 'SIGKILL')
      await expect.poll(load.done, SOON).toBeGreaterThan(REQUESTS / 2)
      await replicas.start(0)
      expect(await load.ended).toEqual([])
      expect(load.done()).toBe(REQUESTS)
      // What was in flight had to be sealed again, and went nowhere by itself.
      expect(sent.length).toBeGreaterThan(REQUESTS)
      expect(sent.filter(({ status }) => status === 200)).toHaveLength(REQUESTS)
      expectNoneAnsweredTwice(sent, replicas)
      expect(sent.filter(({ status }) => status === 409)).toEqual([])
      expect(questionsOf(upstream).size).toBe(REQUESTS)
      expect(completionsOf(upstream).length).toBeLessThanOrEqual(sent.length)
      // Nor is a copy taken by a gateway that was started since.
      const first = sent.find(({ status }) => status === 200)!
      const again = await proxy.fetchFrom()(`${proxy.url}/v1/chat/secure_completion`, {
        method: 'POST',
        headers: clientHeaders(),
        body: first.body as BodyInit,
      })
      expect(again.status).toBe(409)
    },
  )

  it.skipIf(skipped)(
    `fail none of the requests of a client that tries ${AGAIN[name] === 0 ? 'once' : 'twice'}, when restarted in turn`,
    async () => {
      const { replicas, proxy } = await start(name, '--drain-delay', DRAIN_DELAY[name])
      const { fetch, sent } = tap(proxy.fetchFrom())
      let restarted = false
      const load = await startLoad(proxy.url, fetch, {
        requests: 0,
        atATime: 8,
        maxRetries: AGAIN[name],
        until: () => restarted,
      })
      for (const which of [0, 1] as const) {
        const done = load.done()
        await expect.poll(load.done, SOON).toBeGreaterThan(done + 20)
        await RESTART[name](which, { replicas, proxy })
        await expectServing(replicas, which)
      }
      restarted = true
      expect(await load.ended).toEqual([])
      if (AGAIN[name] === 0) expect(sent).toHaveLength(load.done())
      expectNoneAnsweredTwice(sent, replicas)
    },
  )

  it.skipIf(skipped)(
    'fail no request when the key in their folder is followed by the next',
    async () => {
      const { replicas, proxy } = await start(name)
      const { fetch, sent } = tap(proxy.fetchFrom())
      const keyNow = async (at: Replicas['gateways'][number]): Promise<string> =>
        (await globalThis.fetch(`${at.url}/pki/public_key`)).text()
      const before = await keyNow(replicas.gateways[0])
      let rotated = false
      const load = await startLoad(proxy.url, fetch, {
        requests: 0,
        atATime: 4,
        maxRetries: 0,
        until: () => rotated,
      })
      await expect.poll(load.done, SOON).toBeGreaterThan(20)
      const next = makeKeyDir({ 'private_key.pem': 'other' })
      await rename(next, join(replicas.keyDir, 'key-2'))
      for (const gateway of replicas.gateways) {
        await expect.poll(() => keyNow(gateway), SOON).not.toBe(before)
      }
      expect(await keyNow(replicas.gateways[0])).toBe(await keyNow(replicas.gateways[1]))
      const done = load.done()
      await expect.poll(load.done, SOON).toBeGreaterThan(done + 10)
      rotated = true
      expect(await load.ended).toEqual([])
      expectNoneAnsweredTwice(sent, replicas)
    },
  )
})
