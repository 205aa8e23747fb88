import { startChild } from '../harness/child-process.js'
import { interleave } from '../harness/interleave.js'
import type { RunContext } from '../harness/run-context.js'
import { startGateway, type BenchGateway } from '../harness/servers.js'
import { mapValues, median } from '../harness/statistics.js'
import { loadSealedStreams, plainStreams, type StreamCaller, type StreamTimes } from './callers.js'
import type { ModelServerInput, StreamModel } from './model-server.js'

/** One value for each way to the model server: directly, with gathered events, and with each event in a chunk. */
type Each<T> = Readonly<Record<'direct' | 'wire2' | 'single', T>>

/** Between two events: a fast model. */
const PACE_MS = 4
const EVENTS = 500
const ROUNDS = 3
/** Short streams, of which only the time of the first event counts. */
const FIRST_ROUNDS = 100
const SHORT_EVENTS = 2
/** Until V8 has compiled the hot code of all processes. */
const WARM_UP_ROUNDS = 150
const WARM_UP_STREAMS = 40

/** Streams completions of a model server by way of a gateway over wire 2, beside the same asked directly. */
export async function measureStreams(context: RunContext) {
  const { progress, quick, stopLater } = context
  progress('streams: warming up')
  const input: ModelServerInput = { paceMs: PACE_MS }
  const model = await stopLater(startChild('model-server', input)).ask<string>()
  const upstream = ['--engine=openai', `--upstream=${model}/v1`]
  const gateways = {
    wire2: await startGateway(context, [], upstream),
    single: await startGateway(context, [], [...upstream, '--stream-interval=0']),
  }
  const sealed = await loadSealedStreams()
  const callers: Each<StreamCaller> = {
    direct: plainStreams(model),
    wire2: sealed(gateways.wire2.url),
    single: sealed(gateways.single.url),
  }
  const stream = (events: number, streamedModel?: StreamModel) =>
    mapValues(callers, (caller) => () => caller.stream(events, streamedModel))
  await interleave(stream(SHORT_EVENTS), quick ? 3 : WARM_UP_ROUNDS)
  await interleave(stream(EVENTS, 'fast'), quick ? 1 : WARM_UP_STREAMS)

  progress('streams: first event')
  const first = await interleave(stream(SHORT_EVENTS), quick ? 3 : FIRST_ROUNDS)
  progress(`streams: ${EVENTS} events`)
  const rounds = quick ? 1 : ROUNDS
  const cpuBefore = await cpuOf(gateways)
  const whole = await interleave(stream(EVENTS), rounds)
  const cpuAfter = await cpuOf(gateways)
  for (const caller of Object.values(callers)) caller.close()

  const medianOf = (times: readonly StreamTimes[], of: keyof StreamTimes): number =>
    median(times.map((one) => one[of]))
  const rowOf = (name: keyof typeof callers) => ({
    firstMs: medianOf(first[name], 'firstMs'),
    totalMs: medianOf(whole[name], 'totalMs'),
    clientCpuMs: medianOf(whole[name], 'cpuMs') / EVENTS,
  })
  const sealedRowOf = (name: keyof typeof gateways) => ({
    ...rowOf(name),
    gatewayCpuMs: (cpuAfter[name] - cpuBefore[name]) / (rounds * EVENTS),
  })
  return {
    events: EVENTS,
    direct: rowOf('direct'),
    wire2: sealedRowOf('wire2'),
    single: sealedRowOf('single'),
  }
}

async function cpuOf(gateways: Readonly<Record<'wire2' | 'single', BenchGateway>>) {
  return { wire2: await gateways.wire2.cpuMs(), single: await gateways.single.cpuMs() }
}
