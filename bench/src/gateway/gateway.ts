import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { interleave } from '../harness/interleave.js'
import { hasFastRsa } from '../harness/rsa.js'
import type { RunContext } from '../harness/run-context.js'
import { startGateway } from '../harness/servers.js'
import { median, medians } from '../harness/statistics.js'
import { prepareRequests, type PreparedRequests } from './prepare.js'
import { prepareWire2 } from './prepare-wire-2.js'
import { runRound } from './round.js'

/** Requests at a time; targets apply to the last. */
const CONCURRENCIES = [1, 2, 4, 8, 16, 32, 64] as const
const MOST = 64
/** Requests of a round for one of wire 1: they are quicker. */
const WIRE_2_REQUESTS = 3
const ROUNDS = 5
/** Requests until V8 has compiled the hot code, with the concurrency of the targets. */
const WARM_UP_REQUESTS = 3000

/** Measures the throughput of a gateway with the demo engine, for requests and answers of 1 KB. */
export async function measureGateway(context: RunContext) {
  context.progress('gateway: throughput')
  const rounds = context.quick ? 1 : ROUNDS
  const runAll = await startLoaded(context)
  const runWire2 = await startLoaded(context, [], prepareWire2)
  const runOne = canPin() ? await startLoaded(context, ['taskset', '-c', '0']) : undefined
  const limits = [await measureRsa()]
  const decapsulations = [await measureOnAllCores('kem-worker')]
  /** Runs a round, and divides its rate by the one that the cores did right before and after it. */
  const bounded = (run: typeof runAll, concurrency: number) => async () => {
    const before = limits.at(-1) ?? Number.NaN
    const done = await run(concurrency, requestsAt(concurrency))
    const after = await measureRsa()
    limits.push(after)
    return { ...done, ofLimit: done.perSecond / ((before + after) / 2) }
  }
  const tasks = Object.fromEntries(
    CONCURRENCIES.map((concurrency) => [concurrency, bounded(runAll, concurrency)]),
  )
  // An idle gateway takes no time from the others.
  tasks['wire 2'] = async () => {
    const done = await runWire2(MOST, requestsAt(MOST) * WIRE_2_REQUESTS)
    const before = decapsulations.at(-1) ?? Number.NaN
    const after = await measureOnAllCores('kem-worker')
    decapsulations.push(after)
    return { ...done, ofLimit: done.perSecond / ((before + after) / 2) }
  }
  if (runOne !== undefined) tasks['one core'] = bounded(runOne, MOST)
  const { 'one core': onOneCore, 'wire 2': onWire2 = [], ...done } = await interleave(tasks, rounds)
  const wire1 = medians(done[MOST] ?? [])
  const wire2 = medians(onWire2)
  return {
    rounds,
    cores: availableParallelism(),
    /** RSA-4096 private operations a second on all cores. */
    rsaPerSecond: median(limits),
    rows: CONCURRENCIES.map((concurrency) => {
      const row = medians(done[concurrency] ?? [])
      /** The 95th percentile divided by the time in a fair queue. */
      const p95OfIdeal = row.p95Ms / ((1000 * concurrency) / row.perSecond)
      return { concurrency, requests: requestsAt(concurrency), ...row, p95OfIdeal }
    }),
    hasFastRsa: hasFastRsa(),
    /** As many requests of wire 2 at a time as the targets of wire 1 are for. */
    wire2: { ...wire2, ofWire1: wire2.perSecond / wire1.perSecond },
    /** Decapsulations a second on all cores. */
    decapsulationsPerSecond: median(decapsulations),
    /** Requests a second of a gateway held to one core; null where the system has no `taskset`. */
    oneCorePerSecond: onOneCore === undefined ? null : medians(onOneCore).perSecond,
  }
}

/** Starts a gateway that has compiled its code. Returns its load generator. */
async function startLoaded(
  context: RunContext,
  before: readonly string[] = [],
  prepare: (url: string) => Promise<PreparedRequests> = prepareRequests,
) {
  const gateway = await startGateway(context, before)
  const prepared = await prepare(gateway.url)
  const run = (concurrency: number, requests: number) =>
    runRound(gateway, prepared, { concurrency, requests })
  await run(MOST, WARM_UP_REQUESTS)
  return run
}

/** Returns the requests of a round: enough to include waves, and to make its start and end negligible. */
function requestsAt(concurrency: number): number {
  return Math.max(200, 20 * concurrency)
}

/** Returns whether a process can be pinned to the first core. */
function canPin(): boolean {
  return availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0
}

/**
 * Measures RSA-4096 decryptions a second on one thread per core: the limit of every gateway on this
 * machine, because each sealed request takes one.
 */
const measureRsa = (): Promise<number> => measureOnAllCores('rsa-worker')

/** Returns operations a second of one thread per core. */
async function measureOnAllCores(entry: 'rsa-worker' | 'kem-worker'): Promise<number> {
  const threads = Array.from({ length: availableParallelism() }, async () => {
    const worker = new Worker(new URL(`./${entry}.js`, import.meta.url))
    const [perSecond] = (await once(worker, 'message')) as [number]
    await worker.terminate()
    return perSecond
  })
  return (await Promise.all(threads)).reduce((sum, perSecond) => sum + perSecond, 0)
}
