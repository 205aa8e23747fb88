// How much a gateway serves: `pnpm load`, `pnpm load --json`.
import { availableParallelism, cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { startGateway } from './gateway.js'
import { prepareRequests, type PreparedRequests } from './prepare.js'
import { measureRsa } from './rsa.js'
import { runRound, type Round } from './round.js'

const CONCURRENCIES = [1, 8, 64]

/** What came out for one concurrency: medians of the rounds. */
interface Row extends Round {
  readonly concurrency: number
  /** Requests for each RSA operation that the machine would do in the same time. */
  readonly ratio: number
}

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    requests: { type: 'string', default: '400' },
  },
})
const rounds = Number(values.rounds)
const requests = Number(values.requests)

const gateway = await startGateway()
try {
  const callers = await prepareRequests(gateway.url)
  // Not counted: code is compiled meanwhile.
  await runRound(gateway, callers, { concurrency: 8, requests: 100 })
  const rsa: number[] = []
  const measured = CONCURRENCIES.map((concurrency) => ({ concurrency, rounds: [] as Round[] }))
  // Alternating, so that what else the machine does falls on all of them.
  for (let round = 0; round < rounds; round++) {
    rsa.push(await measureRsa())
    for (const { concurrency, rounds: done } of measured) {
      done.push(await runRound(gateway, callers, { concurrency, requests }))
    }
  }
  const rsaPerSecond = median(rsa)
  const rows = measured.map(({ concurrency, rounds: done }): Row => {
    const of = (name: keyof Round): number => median(done.map((round) => round[name]))
    const perSecond = of('perSecond')
    return {
      concurrency,
      perSecond,
      p50Ms: of('p50Ms'),
      p95Ms: of('p95Ms'),
      loopDelayP99Ms: of('loopDelayP99Ms'),
      ratio: perSecond / rsaPerSecond,
    }
  })
  print(callers, rsaPerSecond, rows)
} finally {
  await gateway.stop()
}

function print({ opened }: PreparedRequests, rsaPerSecond: number, rows: readonly Row[]): void {
  const machine = {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    node: process.version,
    load: loadavg()[0],
  }
  if (values.json) {
    console.log(JSON.stringify({ machine, rounds, requests, rsaPerSecond, opened, rows }, null, 2))
    return
  }
  const line = (...cells: readonly string[]): string =>
    cells.map((cell) => cell.padStart(12)).join('')
  console.log(
    [
      `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load ${machine.load?.toFixed(1) ?? '?'}`,
      `medians of ${rounds} alternating rounds of ${requests} requests; ${opened()} answers opened and checked`,
      `RSA-4096 decryptions of this machine: ${rsaPerSecond.toFixed(0)}/s on ${machine.cores} lanes`,
      '',
      line('at a time', 'requests/s', 'of RSA', 'p50 ms', 'p95 ms', 'loop p99 ms'),
      ...rows.map(({ concurrency, perSecond, ratio, p50Ms, p95Ms, loopDelayP99Ms }) =>
        line(
          String(concurrency),
          perSecond.toFixed(0),
          ratio.toFixed(2),
          p50Ms.toFixed(1),
          p95Ms.toFixed(1),
          loopDelayP99Ms.toFixed(1),
        ),
      ),
    ].join('\n'),
  )
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
