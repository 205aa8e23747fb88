import { availableParallelism } from 'node:os'
import type { PreparedRequests } from '../gateway/prepare.js'
import { prepareWire2 } from '../gateway/prepare-wire-2.js'
import { runRound } from '../gateway/round.js'
import { interleave } from '../harness/interleave.js'
import { canPin } from '../harness/machine.js'
import type { RunContext } from '../harness/run-context.js'
import { startGateway, type BenchGateway } from '../harness/servers.js'
import { median, medians } from '../harness/statistics.js'

const CONCURRENCY = 64
const REQUESTS = 1024
const WARM_UP_REQUESTS = 1024
const ROUNDS = 3

/** Requests a second, and processor time of the gateways for one. */
export type Capacity = Readonly<Record<'perSecond' | 'cpuMs', number>>

/**
 * Measures a gateway on one core, on all cores, and two gateways with a core each over wire 2.
 * Null where the system has no `taskset` or one core.
 */
export async function measureReplicas(context: RunContext) {
  if (!canPin()) return null
  context.progress('scaling: gateways and cores')
  const start = async (core?: number) =>
    startGateway(context, core === undefined ? [] : ['taskset', '-c', String(core)])
  const [first, second, wide] = [await start(0), await start(1), await start()]
  const loads: Record<string, Load[]> = {
    'one gateway, one core': [await wire2(first)],
    'one gateway, all cores': [await wire2(wide)],
    'two gateways, a core each': [await wire2(first), await wire2(second)],
  }
  const tasks = Object.fromEntries(
    Object.entries(loads).map(([name, load]) => [
      name,
      (requests = context.quick ? 64 : REQUESTS) => runAll(load, requests),
    ]),
  )
  for (const run of Object.values(tasks)) await run(context.quick ? 64 : WARM_UP_REQUESTS)
  const rounds = context.quick ? 1 : ROUNDS
  const done = await interleave(
    Object.fromEntries(Object.entries(tasks).map(([name, run]) => [name, () => run()])),
    rounds,
  )
  return {
    cores: availableParallelism(),
    rows: Object.fromEntries(
      Object.entries(done).map(([name, values]): [string, Capacity] => [name, medians(values)]),
    ),
  }
}

interface Load {
  readonly gateway: BenchGateway
  readonly prepared: PreparedRequests
}

const wire2 = async (gateway: BenchGateway): Promise<Load> => ({
  gateway,
  prepared: await prepareWire2(gateway.url),
})

/** Divides the requests among the gateways. */
async function runAll(loads: readonly Load[], requests: number): Promise<Capacity> {
  const share = { concurrency: CONCURRENCY / loads.length, requests: requests / loads.length }
  const rounds = await Promise.all(
    loads.map(({ gateway, prepared }) => runRound(gateway, prepared, share)),
  )
  return {
    perSecond: rounds.reduce((sum, { perSecond }) => sum + perSecond, 0),
    cpuMs: median(rounds.map(({ cpuMs }) => cpuMs)),
  }
}
