import type { BenchGateway } from '../start-gateway.js'
import { percentile } from '../statistics.js'
import type { PreparedRequests } from './prepare.js'
import { RawConnection, type RawAnswer } from './raw-connection.js'

/** What one round has shown. */
export interface Round {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p95Ms: number
  /** As the gateway itself measures it, with the 10 ms between two of its looks. */
  readonly loopDelayP99Ms: number
}

/** One answer of so many is opened; opening costs as much as serving does. */
const CHECKED_ONE_OF = 50

/**
 * Sends requests, always so many at a time, over as many connections, which are open before.
 *
 * @throws Error for an answer that is no success or not the right one
 */
export async function runRound(
  gateway: BenchGateway,
  prepared: PreparedRequests,
  { concurrency, requests }: { readonly concurrency: number; readonly requests: number },
): Promise<Round> {
  const left = await prepared.make(requests)
  const connections = await Promise.all(
    Array.from({ length: concurrency }, () => RawConnection.open(gateway.url)),
  )
  const answers: RawAnswer[] = []
  const timesMs: number[] = []
  const lane = async (connection: RawConnection): Promise<void> => {
    for (let request = left.pop(); request !== undefined; request = left.pop()) {
      const sentAt = performance.now()
      answers.push(await connection.send(request))
      timesMs.push(performance.now() - sentAt)
    }
  }
  // Asked once before, because it tells of the time since it was last asked.
  await gateway.loopDelayP99Ms()
  const startedAt = performance.now()
  await Promise.all(connections.map(lane))
  const seconds = (performance.now() - startedAt) / 1000
  const loopDelayP99Ms = await gateway.loopDelayP99Ms()
  for (const connection of connections) connection.close()
  await check(answers, prepared)
  return {
    perSecond: requests / seconds,
    p50Ms: percentile(timesMs, 0.5),
    p95Ms: percentile(timesMs, 0.95),
    loopDelayP99Ms,
  }
}

async function check(answers: readonly RawAnswer[], prepared: PreparedRequests): Promise<void> {
  for (const [index, { status, body }] of answers.entries()) {
    if (status !== 200) throw new Error(`${status}: ${body.toString()}`)
    if (index % CHECKED_ONE_OF === 0) await prepared.check(body)
  }
}
