import { resolve } from 'node:path'
import {
  EXIT,
  OptionProblem,
  command,
  defineOptions,
  type Settings,
} from '@nomyo-internal/command-line'
import { describeMachine, isBusy } from './harness/machine.js'
import { SECTIONS, measure, type Section } from './measure.js'
import { writeDocuments } from './report/documents.js'
import { missedLines, notesOf, printReport, type Report } from './report/print.js'
import { evaluateTargets } from './targets.js'

/** Options of a run. */
export const OPTIONS = defineOptions({
  check: { summary: 'end with 1 where a target is missed, and list the missed ones' },
  json: { summary: 'print all numbers as JSON' },
  only: {
    value: 'LIST',
    summary: 'measure some sections, separated by commas',
    default: SECTIONS.join(','),
    parse: parseSections,
  },
  docs: {
    value: 'FOLDER',
    summary: 'also write the run, its table and its chart into the documentation',
    isPath: true,
  },
  quick: { summary: 'a few rounds, as a trial; the numbers are not good enough for --check' },
})

/** `pnpm bench`: the cost of encryption and the throughput of a gateway on this machine. */
export const benchCommand = command({
  summary: 'cost of encryption and throughput of a gateway, beside alternatives and limits',
  options: OPTIONS,
  exitMeanings: { ok: 'success', failed: 'a target is missed', usage: 'wrong command line' },
  run: async ({ settings }) => {
    const { check, json, docs } = settings.values
    checkOptions(settings)
    const report = await run(settings.values)
    if (docs !== undefined) await writeDocuments(report, resolve(docs))
    console.log(json ? JSON.stringify(report, null, 2) : printReport(report))
    if (!check) return EXIT.ok
    const missed = missedLines(report.targets)
    console.error(missed.length === 0 ? 'all targets met' : missed.join('\n'))
    return missed.length === 0 ? EXIT.ok : EXIT.failed
  },
})

/** Refuses options that exclude each other. @throws UsageError */
export function checkOptions(settings: Settings<typeof OPTIONS>): void {
  const { check, quick, docs, only } = settings.values
  if (check && quick) throw settings.mistake('quick', 'measures too few rounds for --check')
  if (docs === undefined) return
  if (quick) throw settings.mistake('quick', 'measures too few rounds for --docs')
  if (only.length < SECTIONS.length) throw settings.mistake('only', 'leaves out parts of --docs')
}

async function run({ only, quick }: Settings<typeof OPTIONS>['values']): Promise<Report> {
  const machine = describeMachine()
  if (isBusy(machine)) {
    console.error(`warning: this machine is not idle (load ${machine.load.toFixed(2)})`)
  }
  const startedAt = performance.now()
  const { results, sectionSeconds } = await measure(only, quick)
  return {
    machine,
    seconds: (performance.now() - startedAt) / 1000,
    sectionSeconds,
    results,
    targets: evaluateTargets(results),
    notes: notesOf(machine, results, quick),
  }
}

function parseSections(list: string): readonly Section[] {
  const named = list.split(',').map((name) => name.trim())
  if (named.some((name) => SECTIONS.every((section) => section !== name))) {
    throw new OptionProblem(`must be of ${SECTIONS.join(', ')}`)
  }
  return SECTIONS.filter((section) => named.includes(section))
}
