import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { describe, expect, it } from 'vitest'
import { canRun, PROXIES, testProxy, type Proxy } from './proxies/proxy.js'
import { completionLines, testReplicas, type Replicas } from './proxies/replicas.js'
import {
  clientHeaders,
  answerOf,
  chat,
  completionOf,
  contentOf,
  refusalOf,
  seal,
  type Answer,
} from './support.js'

const SOON = { timeout: 10_000, interval: 50 }
const MIB = 1024 * 1024

async function send(
  { url }: Proxy,
  ask: typeof fetch,
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await ask(`${url}/v1/chat/secure_completion`, {
    method: 'POST',
    headers: { ...clientHeaders(), ...headers },
    body: body as BodyInit,
  })
  const bytes = new Uint8Array(await response.arrayBuffer())
  return { status: response.status, headers: new Headers([...response.headers]), bytes }
}

/** Its headers alone: who still writes may find the connection closed before the answer is read. */
async function announceTooBig({ url }: Proxy): Promise<Answer> {
  const request = httpsRequest(`${url}/v1/chat/secure_completion`, {
    method: 'POST',
    rejectUnauthorized: false,
    headers: { ...clientHeaders(), 'content-length': 128 * MIB + 1 },
  })
  request.flushHeaders()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const answer = await answerOf(response)
  request.destroy()
  return answer
}

describe.each(PROXIES)('two gateways behind %s', (name) => {
  const start = async (...args: string[]): Promise<{ replicas: Replicas; proxy: Proxy }> => {
    const replicas = await testReplicas(['--engine', 'demo', ...args])
    return { replicas, proxy: await testProxy(name, replicas.ports) }
  }

  it.skipIf(!canRun(name))(
    'share the work, have one key, and take each envelope once',
    async () => {
      const { replicas, proxy } = await start()
      const ask = proxy.fetchFrom()
      const keys = await Promise.all(
        Array.from({ length: 8 }, async () => (await ask(`${proxy.url}/pki/public_key`)).text()),
      )
      expect(new Set(keys).size).toBe(1)

      for (let count = 0; count < 20; count++) {
        const content = `question ${count}`
        expect(await contentOf(await send(proxy, ask, await seal(chat(content))))).toBe(content)
      }
      await expect.poll(() => replicas.served(200)[0] + replicas.served(200)[1], SOON).toBe(20)
      expect(Math.min(...replicas.served(200))).toBeGreaterThan(4)

      // Whichever gets it: both see some of the copies.
      const body = await seal(chat('once'))
      expect((await send(proxy, ask, body)).status).toBe(200)
      for (let copy = 0; copy < 8; copy++) {
        refusalOf(await send(proxy, ask, body), 409)
      }
      await expect.poll(() => Math.min(...replicas.served(409)), SOON).toBeGreaterThan(0)

      for (let round = 0; round < 3; round++) {
        const copied = await seal(chat('at once'))
        const copies = await Promise.all(Array.from({ length: 20 }, () => send(proxy, ask, copied)))
        const passed = copies.filter(({ status }) => status === 200)
        expect(passed).toHaveLength(1)
        expect(copies.filter(({ status }) => status === 409)).toHaveLength(19)
      }
    },
  )

  it.skipIf(!canRun(name))(
    'know the address of the caller, and not the one it makes up',
    async () => {
      const { replicas, proxy } = await start('--rate-limit=1/s', '--rate-burst=1')
      const [one, other] = [proxy.fetchFrom('127.0.0.1'), proxy.fetchFrom('127.0.0.9')]
      const bodies = await Promise.all(Array.from({ length: 12 }, () => seal()))
      const madeUp = (at: number) => ({
        'x-forwarded-for': `203.0.113.${at}`,
        forwarded: `for=203.0.113.${at}`,
        'x-real-ip': `203.0.113.${at}`,
      })
      const statuses = await Promise.all(
        bodies.map(async (body, at) => (await send(proxy, one, body, madeUp(at))).status),
      )
      // With addresses of their own each would pass.
      expect(statuses).toContain(429)
      expect(statuses.filter((status) => status === 200).length).toBeLessThan(6)
      expect((await send(proxy, other, await seal())).status).toBe(200)
      const addresses = (): string[] =>
        completionLines(replicas.gateways.map((gateway) => gateway.stderr()).join('\n')).map(
          ({ address }) => address,
        )
      await expect.poll(addresses, SOON).toHaveLength(13)
      expect(new Set(addresses())).toEqual(new Set(['127.0.0.1', '127.0.0.9']))
    },
  )

  it.skipIf(!canRun(name))(
    'get what is big; what the proxy itself refuses looks like their refusals',
    async () => {
      const { replicas, proxy } = await start()
      const ask = proxy.fetchFrom()
      const content = 'x'.repeat(9 * MIB)
      const answer = await completionOf(await send(proxy, ask, await seal(chat(content))))
      expect(answer.choices[0].message.content === content).toBe(true)
      const tooBig = await announceTooBig(proxy)
      refusalOf(tooBig, 413)
      expect((await send(proxy, ask, await seal(chat('after')))).status).toBe(200)
      await Promise.all([replicas.end(0, 'SIGKILL'), replicas.end(1, 'SIGKILL')])
      const unanswered = await send(proxy, ask, await seal(chat('hello?')))
      expect([502, 503]).toContain(unanswered.status)
      refusalOf(unanswered)
    },
  )
})
