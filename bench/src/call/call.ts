import { startChild } from '../harness/child-process.js'
import { interleave } from '../harness/interleave.js'
import { hasFastRsa, rsaOperation } from '../harness/rsa.js'
import { readKey, type RunContext } from '../harness/run-context.js'
import { startServers } from '../harness/servers.js'
import { mapValues, median, timeMs } from '../harness/statistics.js'
import { chatRequest, checkEcho, type Size } from '../messages.js'
import { loadSealedCaller, plainCaller, type Caller } from './callers.js'
import type { RelayCounts, RelayInput } from './relay.js'

/** One value for each of the clients: `ours` over wire 1, the same over wire 2, and `fetch`. */
type Each<T> = Readonly<Record<'ours' | 'wire2' | 'plain', T>>

const ROUNDS = { '1 KB': 200, '1 MB': 15, '9 MB': 5 } as const
const ROUND_TRIP_MS = 40
const DISTANT_ROUNDS = 20
/** Calls until V8 has compiled the hot code of both sides. */
const WARM_UP_CALLS = 600
/** Calls over the relay, where the same code is already warm. */
const DISTANT_WARM_UP_CALLS = 10

/** Times whole calls to a gateway beside plain `fetch` calls to a plain server. */
export async function measureCalls(context: RunContext) {
  const { progress, quick } = context
  const { ours, plain } = await startServers(context)
  const servers = { ours, wire2: ours, plain }
  const near = await connect(servers, quick ? 3 : WARM_UP_CALLS)
  const rsa = rsaOperation(readKey())
  let rsaMs = Number.NaN
  const rows = []
  for (const size of Object.keys(ROUNDS) as (keyof typeof ROUNDS)[]) {
    progress(`calls: ${size}`)
    const rounds = quick ? 3 : ROUNDS[size]
    const times = await interleave({ ...tasksOf(near, size), rsa: () => timeMs(rsa) }, rounds)
    if (size === '1 KB') rsaMs = median(times.rsa)
    rows.push(rowOf({ size, roundTripMs: 0, rounds }, times))
  }
  close(near)
  progress(`calls: ${ROUND_TRIP_MS} ms round trip`)
  const { row, ...perCall } = await measureDistant(context, servers)
  return { rsaMs, hasFastRsa: hasFastRsa(), rows: [...rows, row], ...perCall }
}

/** Times calls over relays, which also count requests and connections of a warm call. */
async function measureDistant({ quick, stopLater }: RunContext, servers: Each<string>) {
  const relays = mapValues(servers, (url) => {
    const input: RelayInput = { port: Number(new URL(url).port), delayMs: ROUND_TRIP_MS / 2 }
    return stopLater(startChild('relay', input))
  })
  const askAll = async <Answer>(question?: string): Promise<Each<Answer>> => ({
    ours: await relays.ours.ask<Answer>(question),
    wire2: await relays.wire2.ask<Answer>(question),
    plain: await relays.plain.ask<Answer>(question),
  })
  const callers = await connect(await askAll<string>(), quick ? 3 : DISTANT_WARM_UP_CALLS)
  const rounds = quick ? 3 : DISTANT_ROUNDS
  const before = await askAll<RelayCounts>('counts')
  const times = await interleave(tasksOf(callers, '1 KB'), rounds)
  const after = await askAll<RelayCounts>('counts')
  close(callers)
  const perCall = mapValues(after, ({ requests, connections }, name) => ({
    requests: (requests - before[name].requests) / rounds,
    newConnections: (connections - before[name].connections) / rounds,
  }))
  return { row: rowOf({ size: '1 KB', roundTripMs: ROUND_TRIP_MS, rounds }, times), ...perCall }
}

/** Creates all clients and makes some calls with each. */
async function connect(urls: Each<string>, warmUpCalls: number): Promise<Each<Caller>> {
  const sealedCaller = await loadSealedCaller()
  const callers = {
    ours: sealedCaller({ baseUrl: urls.ours, wire: 1 }),
    wire2: sealedCaller({ baseUrl: urls.wire2, wire: 2 }),
    plain: plainCaller({ baseUrl: urls.plain }),
  }
  const { ours, wire2, plain } = tasksOf(callers, '1 KB')
  for (let call = 0; call < warmUpCalls; call++) {
    await ours()
    await wire2()
    await plain()
  }
  return callers
}

/** Returns functions that make a call, check its answer, and return its duration in milliseconds. */
function tasksOf(callers: Each<Caller>, size: Size): Each<() => Promise<number>> {
  const request = chatRequest(size, 'ascii')
  return mapValues(callers, (caller) => async () => {
    let answer: unknown
    const durationMs = await timeMs(async () => (answer = await caller.ask(request)))
    checkEcho(answer, request)
    return durationMs
  })
}

/** Summarizes calls with the same text in both directions; a round trip of 0 is bare loopback. */
function rowOf(
  facts: { readonly size: Size; readonly roundTripMs: number; readonly rounds: number },
  times: Each<readonly number[]>,
) {
  const { ours, wire2, plain } = mapValues(times, median)
  return { ...facts, oursMs: ours, wire2Ms: wire2, plainMs: plain }
}

function close(callers: Each<Caller>): void {
  for (const caller of Object.values(callers)) caller.close()
}
