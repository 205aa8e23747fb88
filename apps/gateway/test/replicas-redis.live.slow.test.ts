import { describe, expect, it } from 'vitest'
import { isInstalled, temporaryFolder } from '@nomyo-internal/testing'
import { testReplicas } from './proxies/replicas.js'
import { chat, post, seal } from './support.js'

const SOON = { timeout: 20_000, interval: 20 }

/** One envelope, and what each of its copies came to. */
interface Envelope {
  readonly body: Uint8Array
  readonly statuses: number[]
}

describe.skipIf(!isInstalled('redis-server'))(
  'a Redis that is killed under the load of two gateways',
  () => {
    it('lets nothing pass twice, before, in the gap and after; then all is served again', async () => {
      const folder = temporaryFolder()
      const { gateways, redis } = await testReplicas(['--engine', 'demo'], { folder })
      const envelopes: Envelope[] = []
      const send = async (envelope: Envelope, at: number): Promise<number> => {
        const { status } = await post(gateways[at % 2]!, envelope.body)
        envelope.statuses.push(status)
        if (status === 200) servedBy[at % 2]!++
        return status
      }
      const counts = { 200: 0, 503: 0 }
      const servedBy = [0, 0] as [number, number]
      let over = false
      // Each sends something new and, to the other gateway, something that was sent before.
      const caller = async (_: unknown, at: number): Promise<void> => {
        for (let turn = at; !over; turn++) {
          const envelope: Envelope = { body: await seal(chat(`${turn}`)), statuses: [] }
          envelopes.push(envelope)
          const status = await send(envelope, turn)
          expect([200, 503]).toContain(status)
          counts[status as 200 | 503]++
          const known = envelopes.filter(({ statuses }) => statuses.length > 0)
          const earlier = known[Math.floor(Math.random() * known.length)]!
          const wasAnswered = earlier.statuses.includes(200)
          const again = await send(earlier, turn + 1)
          if (wasAnswered) expect([409, 503]).toContain(again)
        }
      }
      const load = Promise.all(Array.from({ length: 6 }, caller))
      await expect.poll(() => counts[200], SOON).toBeGreaterThan(50)
      await redis.stop()
      await expect.poll(() => counts[503], SOON).toBeGreaterThan(50)
      const servedInTheGap = counts[200]
      await expect.poll(() => counts[503], SOON).toBeGreaterThan(100)
      expect(counts[200]).toBe(servedInTheGap)
      servedBy.fill(0)
      await redis.start()
      // Each gateway connects again at its own time.
      await expect.poll(() => Math.min(...servedBy), SOON).toBeGreaterThan(25)
      over = true
      await load

      const refused = counts[503]
      for (let at = 0; at < 20; at++) {
        expect(await send({ body: await seal(chat('after')), statuses: [] }, at)).toBe(200)
      }
      expect(counts[503]).toBe(refused)
      // All that were answered, at both, whenever that was.
      const answered = envelopes.filter(({ statuses }) => statuses.includes(200))
      expect(answered.length).toBeGreaterThanOrEqual(counts[200])
      for (const [at, envelope] of answered.entries()) await send(envelope, at)
      for (const { statuses } of answered) {
        expect(statuses.filter((status) => status === 200)).toHaveLength(1)
        expect(statuses.at(-1)).toBe(409)
      }
    })
  },
)
