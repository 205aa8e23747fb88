import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { alternate } from '../alternate.js'
import type { KeyPem } from '../key.js'
import type { Progress } from '../progress.js'
import { startGateway, type BenchGateway } from '../start-gateway.js'
import { median, medians } from '../statistics.js'
import { prepareRequests } from './prepare.js'
import { measureRsa } from './rsa.js'
import { runRound, type Round } from './round.js'

/** A round, and what the machine could have done at that time. */
interface BoundedRound extends Round {
  /** Requests for each RSA operation that the cores did right before it and right after. */
  readonly ofLimit: number
}

/** Medians for so many requests at a time. */
export interface GatewayRow extends BoundedRound {
  readonly concurrency: number
  /** In each round. */
  readonly requests: number
  /** The 95th percentile over what an orderly queue gives everybody: concurrency / requests a second. */
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

/** Requests at a time; the last is what is judged. */
const CONCURRENCIES = [1, 2, 4, 8, 16, 32, 64] as const
const MOST = 64
const ROUNDS = 7
/** Until V8 has compiled what is called, with as many at a time as are judged. */
const WARM_UP_REQUESTS = 8000

/** Counts what a gateway with the demo engine serves, requests and answers of 1 KB. */
export async function measureGateway(
  pem: KeyPem,
  progress: Progress,
  quick: boolean,
): Promise<GatewayResult> {
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
    // The gateway that is not asked takes nothing from the other.
    if (one !== undefined) tasks['one core'] = () => bounded(one.round(MOST))
    const done = await alternate(tasks, rounds)
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

/** A gateway that has compiled its code, and what asks it. */
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

/** Long enough to see waves of requests come and go, and that beginning and end count little. */
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

/** Holding a process to the first core. */
function canPin(): boolean {
  return availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0
}
