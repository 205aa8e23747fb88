import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { interleave } from '../harness/interleave.js'
import type { KeyPem, RunContext } from '../harness/run-context.js'
import { startGateway, type BenchGateway } from '../harness/gateway-process.js'
import { median, medians } from '../harness/statistics.js'
import { prepareRequests } from './prepare.js'
import { measureRsa } from './rsa.js'
import { runRound, type Round } from './round.js'

/** A round beside the limit of the machine at that time. */
interface BoundedRound extends Round {
  /** Requests per RSA operation that the cores did right before and after the round. */
  readonly ofLimit: number
}

/** Medians for one concurrency. */
export interface GatewayRow extends BoundedRound {
  readonly concurrency: number
  /** Requests in each round. */
  readonly requests: number
  /** The 95th percentile divided by the time in a fair queue: concurrency / requests a second. */
  readonly p95OfIdeal: number
}

export interface GatewayResult {
  readonly rounds: number
  readonly cores: number
  /** RSA-4096 private operations a second on all cores. */
  readonly rsaPerSecond: number
  readonly rows: readonly GatewayRow[]
  /** Requests a second of a gateway held to one core; null where the system has no `taskset`. */
  readonly oneCorePerSecond: number | null
}

/** Requests at a time; targets apply to the last. */
const CONCURRENCIES = [1, 2, 4, 8, 16, 32, 64] as const
const MOST = 64
const ROUNDS = 7
/** Requests until V8 has compiled the hot code, with the concurrency of the targets. */
const WARM_UP_REQUESTS = 8000

/** Measures the throughput of a gateway with the demo engine, for requests and answers of 1 KB. */
export async function measureGateway({ pem, progress, quick }: RunContext): Promise<GatewayResult> {
  progress('gateway: throughput')
  const rounds = quick ? 1 : ROUNDS
  const all = await startLoaded(pem)
  const one = canPin() ? await startLoaded(pem, ['taskset', '-c', '0']) : undefined
  try {
    const limits = [await measureRsa(pem)]
    const bounded = async (round: Promise<Round>): Promise<BoundedRound> => {
      const before = limits.at(-1) ?? Number.NaN
      const done = await round
      const after = await measureRsa(pem)
      limits.push(after)
      return { ...done, ofLimit: done.perSecond / ((before + after) / 2) }
    }
    const tasks = Object.fromEntries(
      CONCURRENCIES.map((concurrency) => [concurrency, () => bounded(all.round(concurrency))]),
    )
    // An idle gateway takes no time from the other.
    if (one !== undefined) tasks['one core'] = () => bounded(one.round(MOST))
    const done = await interleave(tasks, rounds)
    return {
      rounds,
      cores: availableParallelism(),
      rsaPerSecond: median(limits),
      rows: CONCURRENCIES.map((concurrency) => rowOf(concurrency, done[concurrency] ?? [])),
      oneCorePerSecond: one === undefined ? null : medians(done['one core'] ?? []).perSecond,
    }
  } finally {
    await one?.gateway.stop()
    await all.gateway.stop()
  }
}

/** A gateway that has compiled its code, and its load generator. */
interface LoadedGateway {
  readonly gateway: BenchGateway
  round(concurrency: number): Promise<Round>
}

async function startLoaded(pem: KeyPem, before: readonly string[] = []): Promise<LoadedGateway> {
  const gateway = await startGateway(before)
  const prepared = await prepareRequests(gateway.url, pem)
  await runRound(gateway, prepared, { concurrency: MOST, requests: WARM_UP_REQUESTS })
  return {
    gateway,
    round: (concurrency) =>
      runRound(gateway, prepared, { concurrency, requests: requestsAt(concurrency) }),
  }
}

/** Returns the requests of a round: enough to include waves, and to make its start and end negligible. */
function requestsAt(concurrency: number): number {
  return Math.max(200, 20 * concurrency)
}

function rowOf(concurrency: number, rounds: readonly BoundedRound[]): GatewayRow {
  const row = medians(rounds.map((round) => ({ ...round })))
  return {
    concurrency,
    requests: requestsAt(concurrency),
    ...row,
    p95OfIdeal: row.p95Ms / ((1000 * concurrency) / row.perSecond),
  }
}

/** Returns whether a process can be pinned to the first core. */
function canPin(): boolean {
  return availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0
}
