import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import type { BenchGateway } from './gateway.js'
import type { PreparedRequests } from './prepare.js'

/** What one round has shown. */
export interface Round {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly loopDelayP99Ms: number
}

/** One answer of so many is opened; opening costs as much as serving does. */
const CHECKED_ONE_OF = 100

/**
 * Sends requests, always so many at a time, over as many connections.
 *
 * @throws Error for an answer that is no success
 */
export async function runRound(
  gateway: BenchGateway,
  callers: PreparedRequests,
  { concurrency, requests }: { readonly concurrency: number; readonly requests: number },
): Promise<Round> {
  const bodies = await callers.seal(requests)
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency })
  const url = `${gateway.url}/v1/chat/secure_completion`
  const sample: Buffer[] = []
  const timesMs: number[] = []
  await gateway.loopDelayP99Ms()
  const lane = async (): Promise<void> => {
    for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) {
      const sentAt = performance.now()
      const answer = await post(url, body, { agent, headers: callers.headers() })
      if (timesMs.push(performance.now() - sentAt) % CHECKED_ONE_OF === 0) sample.push(answer)
    }
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: concurrency }, lane))
  const seconds = (performance.now() - startedAt) / 1000
  const loopDelayP99Ms = await gateway.loopDelayP99Ms()
  agent.destroy()
  for (const answer of sample) await callers.check(answer)
  timesMs.sort((one, other) => one - other)
  const percentile = (share: number): number =>
    timesMs[Math.min(timesMs.length - 1, Math.floor(share * timesMs.length))] ?? Number.NaN
  return {
    perSecond: requests / seconds,
    p50Ms: percentile(0.5),
    p95Ms: percentile(0.95),
    loopDelayP99Ms,
  }
}

async function post(
  url: string,
  body: Uint8Array,
  { agent, headers }: { readonly agent: Agent; readonly headers: Record<string, string> },
): Promise<Buffer> {
  const request = httpRequest(url, { method: 'POST', agent, headers })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  const answer = Buffer.concat(parts)
  if (response.statusCode === 200) return answer
  throw new Error(`${String(response.statusCode)}: ${answer.toString()}`)
}
