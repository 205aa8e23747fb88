import type { BenchGateway } from '../harness/servers.js'
import { percentile } from '../harness/statistics.js'
import type { PreparedRequest, PreparedRequests } from './prepare.js'
import { RawConnection, type RawAnswer } from './raw-connection.js'

/** One of this many answers is opened; opening costs as much as serving. */
const CHECKED_ONE_OF = 50

/**
 * Sends requests with constant concurrency, over connections that are open in advance.
 *
 * @throws Error for an answer that is no success or not the echo
 */
export async function runRound(
  gateway: BenchGateway,
  prepared: PreparedRequests,
  { concurrency, requests }: { readonly concurrency: number; readonly requests: number },
) {
  const left = await prepared.make(requests)
  const connections = await Promise.all(
    Array.from({ length: concurrency }, () => RawConnection.open(gateway.url)),
  )
  const answers: { request: PreparedRequest; answer: RawAnswer }[] = []
  const timesMs: number[] = []
  const sendAll = async (connection: RawConnection): Promise<void> => {
    for (let request = left.pop(); request !== undefined; request = left.pop()) {
      const sentAt = performance.now()
      const answer = await connection.send(request.bytes)
      timesMs.push(performance.now() - sentAt)
      answers.push({ request, answer })
    }
  }
  // Read once before, because the value covers the time since the last reading.
  await gateway.loopDelayP99Ms()
  const cpuBefore = await gateway.cpuMs()
  const startedAt = performance.now()
  await Promise.all(connections.map(sendAll))
  const seconds = (performance.now() - startedAt) / 1000
  const loopDelayP99Ms = await gateway.loopDelayP99Ms()
  const cpuMs = (await gateway.cpuMs()) - cpuBefore
  for (const connection of connections) connection.close()
  for (const [index, { request, answer }] of answers.entries()) {
    const { status, body } = answer
    if (status !== 200) throw new Error(`${status}: ${body.toString()}`)
    if (index % CHECKED_ONE_OF === 0) await request.check(answer)
  }
  return {
    perSecond: requests / seconds,
    /** Processor time of the gateway for a request. */
    cpuMs: cpuMs / requests,
    p50Ms: percentile(timesMs, 0.5),
    p95Ms: percentile(timesMs, 0.95),
    /** As the gateway reports it, including its sampling interval of 10 ms. */
    loopDelayP99Ms,
  }
}
