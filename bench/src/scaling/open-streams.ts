import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { prepareWire2 } from '../gateway/prepare-wire-2.js'
import { startChild } from '../harness/child-process.js'
import type { RunContext } from '../harness/run-context.js'
import { startGateway } from '../harness/servers.js'
import { median, percentile, timeMs } from '../harness/statistics.js'
import type { ModelServerInput, StreamModel } from '../stream/model-server.js'
import { readStream } from './stream-connection.js'

/** Between two events of a stream: 20 a second, as a large model makes them. */
const PACE_MS = 50
const EVENTS = 100
const STREAMS = 200
/** Events of a stream until all are open. */
const SPREAD = 20
/** Readings of the memory while all streams are open. */
const READINGS = 10

/** Opens many streams of wire 2 at a time, and measures what the gateway takes for each. */
export async function measureOpenStreams(context: RunContext) {
  const streams = context.quick ? 20 : STREAMS
  const events = context.quick ? 30 : EVENTS
  context.progress(`scaling: ${streams} streams at a time`)
  const input: ModelServerInput = { paceMs: PACE_MS }
  const model = await context.stopLater(startChild('model-server', input)).ask<string>()
  const gateway = await startGateway(context, [], ['--engine=openai', `--upstream=${model}/v1`])
  const prepare = async (name: StreamModel, count: number, length: number) => {
    const messages = [{ role: 'user' as const, content: 'Count.' }]
    const request = { model: name, messages, stream: true, max_tokens: length }
    return (await prepareWire2(gateway.url, { request })).make(count)
  }
  // Until V8 has compiled the hot code.
  const warmUp = await prepare('fast', context.quick ? 2 : 40, 500)
  await Promise.all(warmUp.map(({ bytes }) => readStream(gateway.url, bytes)))
  const requests = await prepare('steady', streams, events)
  const idleBytes = residentBytes(gateway.pid)
  const cpuBefore = await gateway.cpuMs()
  const startedAt = performance.now()
  const readings: number[] = []
  const answers = requests.map(async ({ bytes }, index) => {
    // Events of all streams are spread evenly.
    await sleep((PACE_MS * SPREAD * index) / streams)
    let length = 0
    const totalMs = await timeMs(
      async () => (length = (await readStream(gateway.url, bytes)).length),
    )
    return { totalMs, length }
  })
  const openMs = PACE_MS * SPREAD
  await sleep(openMs)
  while (readings.length < READINGS) {
    readings.push(residentBytes(gateway.pid))
    await sleep((PACE_MS * events - openMs) / READINGS)
  }
  const done = await Promise.all(answers)
  const seconds = (performance.now() - startedAt) / 1000
  const cpuMs = (await gateway.cpuMs()) - cpuBefore
  return {
    streams,
    events,
    paceMs: PACE_MS,
    /** Duration of a stream, the 95th percentile, beside that of the model server alone. */
    ofIdealTime:
      percentile(
        done.map(({ totalMs }) => totalMs),
        0.95,
      ) /
      (PACE_MS * (events - 1)),
    eventsPerSecond: (streams * events) / seconds,
    /** Processor time of the gateway, its share of the requests included. */
    cpuMsPerEvent: cpuMs / (streams * events),
    memoryBytesPerStream: (median(readings) - idleBytes) / streams,
    wireBytesPerEvent: median(done.map(({ length }) => length)) / events,
  }
}

function residentBytes(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1])
}
