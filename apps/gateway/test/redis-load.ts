import { setTimeout } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { Random } from './fuzz/random.js'
import { chat, post, seal, statusOf } from './support.js'

/** One envelope, when it was answered first, and the statuses of its copies. */
interface Envelope {
  readonly body: Uint8Array
  readonly statuses: number[]
  answeredAtMs: number
}

/** Callers that send new envelopes and copies of earlier ones to gateways that share a Redis. */
export interface RedisLoad {
  /** Statuses of new envelopes so far. */
  readonly counts: ReadonlyMap<number, number>
  /** Answers to new envelopes since an earlier count of them. */
  readonly answered: number
  /** Ends the callers; every one of their requests has a status by then. */
  stop(): Promise<void>
  /** Sends all answered envelopes to all gateways; returns those of which a copy was answered as well. */
  answeredTwice(): Promise<readonly Envelope[]>
}

/** Starts a {@link RedisLoad}. */
export function startLoad(gateways: readonly { readonly url: string }[], callers = 6): RedisLoad {
  const envelopes: Envelope[] = []
  const counts = new Map<number, number>()
  let over = false
  const send = async (envelope: Envelope, at: number): Promise<number> => {
    const status = await statusOf(post(gateways[at % gateways.length]!, envelope.body))
    if (status === 200 && envelope.answeredAtMs === 0) envelope.answeredAtMs = performance.now()
    envelope.statuses.push(status)
    return status
  }
  const caller = async (_: unknown, number: number): Promise<void> => {
    const random = new Random(number)
    for (let turn = number; !over; turn++) {
      const envelope: Envelope = {
        body: await seal(chat(`${turn}`)),
        statuses: [],
        answeredAtMs: 0,
      }
      const status = await send(envelope, turn)
      counts.set(status, (counts.get(status) ?? 0) + 1)
      envelopes.push(envelope)
      const earlier = envelopes[random.below(envelopes.length)]
      if (earlier !== undefined) await send(earlier, turn + 1)
      // Callers without a pause occupy the process of this test, of which the gateways are a part.
      await setTimeout(5)
    }
  }
  const running = Promise.all(Array.from({ length: callers }, caller))
  // Of a test that fails, callers lose their gateway.
  running.catch(() => undefined)
  onTestFinished(() => void (over = true))
  return {
    counts,
    get answered() {
      return counts.get(200) ?? 0
    },
    stop: async () => {
      over = true
      await running
    },
    answeredTwice: async () => {
      for (const envelope of envelopes.filter(({ answeredAtMs }) => answeredAtMs > 0)) {
        for (let at = 0; at < gateways.length; at++) await send(envelope, at)
      }
      return envelopes.filter(
        ({ statuses }) => statuses.filter((status) => status === 200).length > 1,
      )
    },
  }
}
