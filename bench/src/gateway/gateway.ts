import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { interleave } from '../harness/interleave.js'
import { canPin } from '../harness/machine.js'
import { hasFastRsa } from '../harness/rsa.js'
import type { RunContext } from '../harness/run-context.js'
import { startGateway } from '../harness/servers.js'
import { median, medians } from '../harness/statistics.js'
import { prepareRequests, type PreparedRequests } from './prepare.js'
import { prepareWire2 } from './prepare-wire-2.js'
import { runRound } from './round.js'

/** Requests at a time; targets apply to the last. */
const CONCURRENCIES = [1, 2, 4, 8, 16, 64] as const
const MOST = 64
/** Requests of a round for one of wire 1: they are quicker. */
const WIRE_2_REQUESTS = 4
const ROUNDS = 6
/** Rounds of what no target is about or that is met by far. */
const FEW_ROUNDS = 2
/** Requests until V8 has compiled the hot code, with the concurrency of the targets. */
const WARM_UP_REQUESTS = 3000
/** By which a quick run divides them. */
const QUICK_DIVISOR = 10

/** Measures the throughput of a gateway with the demo engine, for requests and answers of 1 KB. */
export async function measureGateway(context: RunContext) {
  context.progress('gateway: throughput')
  const rounds = context.quick ? 1 : ROUNDS
  const runAll = await startLoaded(context)
  const runWire2 = await startLoaded(context, [], prepareWire2)
  const runOne = canPin()
    ? await startLoaded(context, ['taskset', '-c', '0'], prepareRequests, WARM_UP_REQUESTS / 3)
    : undefined
  const limits = [await measureRsa()]
  const decapsulations = [await measureOnAllCores('kem-worker')]
  /** Runs a round, and divides its rate by the one that the cores did right before and after it. */
  const bounded = (run: typeof runAll, concurrency: number) => async () => {
    const before = limits.at(-1) ?? Number.NaN
    const done = await run(concurrency, requestsAt(concurrency, context))
    const after = await measureRsa()
    limits.push(after)
    return { ...done, ofLimit: done.perSecond / ((before + after) / 2) }
  }
  const tasks = Object.fromEntries(
    CONCURRENCIES.map((concurrency) => [concurrency, bounded(runAll, concurrency)]),
  )
  // An idle gateway takes no time from the others.
  tasks['wire 2'] = async () => {
    const done = await runWire2(MOST, requestsAt(MOST, context) * WIRE_2_REQUESTS)
    const before = decapsulations.at(-1) ?? Number.NaN
    const after = await measureOnAllCores('kem-worker')
    decapsulations.push(after)
    return { ...done, ofLimit: done.perSecond / ((before + after) / 2) }
  }
  const few = CONCURRENCIES.filter((concurrency) => concurrency !== MOST)
  const fewer = Object.fromEntries([...few, 'one core'].map((name) => [name, FEW_ROUNDS]))
  if (runOne !== undefined) tasks['one core'] = bounded(runOne, MOST)
  const {
    'one core': onOneCore,
    'wire 2': onWire2 = [],
    ...done
  } = await interleave(tasks, rounds, fewer)
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
      return { concurrency, ...row, p95OfIdeal }
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
  warmUpRequests = WARM_UP_REQUESTS,
) {
  const gateway = await startGateway(context, before)
  const prepared = await prepare(gateway.url)
  const run = (concurrency: number, requests: number) =>
    runRound(gateway, prepared, { concurrency, requests })
  await run(MOST, context.quick ? warmUpRequests / QUICK_DIVISOR : warmUpRequests)
  return run
}

/** Returns the requests of a round: enough to include waves, and to make its start and end negligible. */
function requestsAt(concurrency: number, { quick }: RunContext): number {
  return quick ? Math.max(50, 4 * concurrency) : Math.max(200, 20 * concurrency)
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
