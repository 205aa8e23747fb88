import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { prepareWire2 } from './gateway/prepare-wire-2.js'
import type { PreparedRequest } from './gateway/prepare.js'
import { RawConnection } from './gateway/raw-connection.js'
import { addKey } from './harness/api-key.js'
import type { RunContext } from './harness/run-context.js'
import { startGateway } from './harness/servers.js'
import { percentile, timeMs } from './harness/statistics.js'
import type { ChatRequest } from './messages.js'

const LARGE_BYTES = 15_000_000
/** Large requests of the run, at the default rate of a key. */
const LARGE_REQUESTS = 12
const LARGE_EVERY_MS = 500
/** Short requests without and beside the large ones; the first ones compile code. */
const SHORT_REQUESTS = 300
const WARM_UP_REQUESTS = 600
const HEALTH_EVERY_MS = 50
/** Between two short requests, as a person leaves it. */
const PAUSE_MS = 5

/** A request whose answer is a line. */
const LARGE: ChatRequest = {
  model: 'nomyo/demo',
  messages: [{ role: 'user', content: 'x'.repeat(LARGE_BYTES) }],
}

/**
 * Measures the wait of one API key for short answers over wire 2, while another one sends requests of 15 MB as
 * fast as the default rate allows.
 */
export async function measureFairness(context: RunContext) {
  context.progress('fairness: preparing')
  const folder = mkdtempSync(join(tmpdir(), 'nomyo-bench-'))
  context.stopLater({ stop: () => rmSync(folder, { recursive: true }) })
  const keysFile = join(folder, 'api-keys.json')
  const [shortKey, largeKey] = [addKey(keysFile, '--rate=10000/s'), addKey(keysFile, '--rate=2/s')]
  const gateway = await startGateway(context, [], [`--keys-file=${keysFile}`])
  const short = await prepareWire2(gateway.url, { apiKey: shortKey })
  const large = await prepareWire2(gateway.url, { apiKey: largeKey, request: { ...LARGE } })

  const caller = await connectLater(context, gateway.url)
  await send(caller, await short.make(context.quick ? 50 : WARM_UP_REQUESTS))
  const count = context.quick ? 50 : SHORT_REQUESTS
  const idle = await send(caller, await short.make(count))

  const other = await connectLater(context, gateway.url)
  const requests = await large.make(context.quick ? 2 : LARGE_REQUESTS)
  const more = await short.make(count * 5)
  context.progress('fairness: short requests beside large ones')
  const stop = new AbortController()
  const health = watchHealth(gateway.url, stop.signal)
  const [busy] = await Promise.all([
    send(caller, more, stop.signal),
    sendLarge(other, requests).finally(() => stop.abort()),
  ])
  return {
    largeRequests: requests.length,
    shortRequests: busy.length,
    idleP95Ms: percentile(idle, 0.95),
    busyP95Ms: percentile(busy, 0.95),
    /** The longest answer of `/health`. */
    healthMs: Math.max(...(await health)),
  }
}

async function connectLater({ stopLater }: RunContext, url: string): Promise<RawConnection> {
  const connection = await RawConnection.open(url)
  stopLater({ stop: () => connection.close() })
  return connection
}

async function timeRequest(connection: RawConnection, request: PreparedRequest): Promise<number> {
  const sentAt = performance.now()
  const { status, body } = await connection.send(request.bytes)
  if (status !== 200) throw new Error(`${status}: ${body.toString()}`)
  return performance.now() - sentAt
}

/** Sends one after the other until all are sent or the signal comes. */
async function send(
  connection: RawConnection,
  requests: readonly PreparedRequest[],
  signal?: AbortSignal,
): Promise<number[]> {
  const timesMs: number[] = []
  for (const request of requests) {
    if (signal?.aborted === true) break
    timesMs.push(await timeRequest(connection, request))
    await sleep(PAUSE_MS)
  }
  return timesMs
}

/** Sends a request whenever the rate of the key allows one. */
async function sendLarge(
  connection: RawConnection,
  requests: readonly PreparedRequest[],
): Promise<void> {
  for (const request of requests) {
    const durationMs = await timeMs(() => timeRequest(connection, request))
    await sleep(Math.max(0, LARGE_EVERY_MS - durationMs))
  }
}

/** Asks for `/health` at intervals, and returns how long each answer took. */
async function watchHealth(url: string, signal: AbortSignal): Promise<number[]> {
  const timesMs: number[] = []
  while (!signal.aborted) {
    const answer = await timeMs(async () => (await fetch(`${url}/health`)).text())
    timesMs.push(answer)
    await sleep(HEALTH_EVERY_MS)
  }
  return timesMs
}
