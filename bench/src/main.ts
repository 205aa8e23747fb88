// What sealing costs and what a gateway serves on this machine: `pnpm bench`.
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { HELP, UsageError, parseFlags, type Flags } from './flags.js'
import { describeMachine, isBusy } from './machine.js'
import { measure } from './measure.js'
import { drawChart } from './plot/chart.js'
import { showProgress } from './progress.js'
import { missedLines, printReport } from './report/print.js'
import { notesOf, type Report } from './report/report.js'
import { evaluateTargets } from './targets.js'

try {
  process.exitCode = await main(parseFlags(process.argv.slice(2)))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`${error.message}\nbench --help says what there is.`)
  process.exitCode = 2
}

async function main(flags: Flags): Promise<number> {
  if (flags.help) {
    console.log(HELP)
    return 0
  }
  const report = await run(flags)
  if (flags.plot !== undefined) await writeFile(resolve(flags.plot), drawChart(report))
  console.log(flags.json ? JSON.stringify(report, null, 2) : printReport(report))
  if (!flags.check) return 0
  const missed = missedLines(report.targets)
  console.error(missed.length === 0 ? 'all targets met' : missed.join('\n'))
  return missed.length === 0 ? 0 : 1
}

async function run({ only, quick }: Flags): Promise<Report> {
  const machine = describeMachine()
  if (isBusy(machine))
    console.error(`warning: this machine is not idle (load ${machine.load.toFixed(2)})`)
  const startedAt = performance.now()
  const results = await measure(only, showProgress, quick)
  return {
    machine,
    seconds: (performance.now() - startedAt) / 1000,
    results,
    targets: evaluateTargets(results),
    notes: notesOf(machine, results, quick),
  }
}
