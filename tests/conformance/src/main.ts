// Runs the suites on every runtime: `pnpm --filter @nomyo/conformance test:runtimes`.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { serveFiles } from './local-servers.js'
import { startLoopback } from './loopback.js'
import { formatTable, reportOf, sumOf, type Result } from './results.js'
import { chromium } from './runtimes/chromium.js'
import { Unavailable } from './runtimes/install.js'
import { processRuntimes } from './runtimes/processes.js'
import type { Prepared, Runtime, Surroundings } from './runtimes/runtime.js'
import { workerd } from './runtimes/workerd.js'
import { SUITE_NAMES } from './suites/suites.js'
import { gatherVectors } from './vectors.js'

const RUNTIMES: readonly Runtime[] = [...processRuntimes, workerd, chromium]

/** A run spends half its time waiting for one runtime's key or another's deadline. */
const AT_A_TIME = 2

const HELP = `Runs one suite over the built packages on every runtime, and prints a table.

Usage
  pnpm --filter @nomyo/conformance test:runtimes [options]

Options
  --only LIST    some of ${RUNTIMES.map(({ id }) => id).join(', ')}
  --report FILE  also write every outcome as JSON, in the format of Vitest's report
  --help         this text

Runtimes are downloaded once from the npm registry (350 MB) into NOMYO_RUNTIMES_DIR, by default
~/.cache/nomyo-runtimes; CHROMIUM_PATH names Chromium, by default /usr/bin/chromium. A runtime that
cannot be installed is shown as "not run". With CI=true that is a failure, except for Chromium.`

process.exitCode = await main(process.argv.slice(2))

async function main(parameters: string[]): Promise<number> {
  const options = readOptions(parameters)
  if (typeof options === 'string') {
    console.error(`${options}\n\n${HELP}`)
    return 2
  }
  if (options.help) {
    console.log(HELP)
    return 0
  }
  const requireAll = process.env['CI'] === 'true'
  const results = await runAll(options.runtimes)
  if (options.report !== undefined) {
    await mkdir(dirname(options.report), { recursive: true })
    await writeFile(options.report, JSON.stringify(reportOf(results, requireAll)))
  }
  console.log(`\n${formatTable(results, SUITE_NAMES)}\n`)
  const { passed, failed, notRun } = sumOf(results, requireAll)
  console.log(`${passed} passed, ${failed} failed, ${notRun} runtimes not run`)
  return failed > 0 || passed === 0 ? 1 : 0
}

function readOptions(
  args: string[],
): { runtimes: readonly Runtime[]; report: string | undefined; help: boolean } | string {
  try {
    const { values } = parseArgs({
      // A script runner passes its own -- on.
      args: args.filter((arg) => arg !== '--'),
      options: {
        only: { type: 'string' },
        report: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    const chosen = values.only?.split(',')
    const unknown = chosen?.find((id) => RUNTIMES.every((runtime) => runtime.id !== id))
    if (unknown !== undefined) return `There is no runtime "${unknown}".`
    const runtimes = RUNTIMES.filter(({ id }) => chosen?.includes(id) ?? true)
    return { runtimes, report: values.report, help: values.help }
  } catch (error) {
    return (error as Error).message
  }
}

async function runAll(runtimes: readonly Runtime[]): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), 'nomyo-conformance-'))
  const files = new Map<string, string>()
  const pages = await serveFiles(files)
  const { loopback, stop } = await startLoopback(pages.url)
  try {
    const settings = { vectors: await gatherVectors(), loopback }
    const results: Result[] = []
    // The slow runtimes are last in the list: start with them, so that none runs alone at the end.
    const waiting = [...runtimes.entries()].reverse()
    const lane = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, runtime] = next
        const own = join(folder, runtime.id)
        await mkdir(own)
        results[index] = await runOne(runtime, {
          settings,
          folder: own,
          pages: { url: pages.url, files },
        })
      }
    }
    await Promise.all(Array.from({ length: AT_A_TIME }, lane))
    return results
  } finally {
    await stop()
    pages.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function runOne(runtime: Runtime, surroundings: Surroundings): Promise<Result> {
  const { name, id, isRequired } = runtime
  let prepared: Prepared
  try {
    prepared = await runtime.prepare()
  } catch (error) {
    if (!(error instanceof Unavailable)) return { title: id, isRequired, crash: String(error) }
    console.log(`${id}: not run: ${error.message}`)
    return { title: id, isRequired, missing: error.message }
  }
  const title = `${name} ${prepared.version}`
  const start = performance.now()
  const seconds = (): string => ((performance.now() - start) / 1000).toFixed(1)
  try {
    const outcomes = await prepared.run(surroundings)
    console.log(`${title}: ${outcomes.length} cases in ${seconds()} s`)
    return { title, isRequired, outcomes }
  } catch (error) {
    console.log(`${title}: failed after ${seconds()} s`)
    return { title, isRequired, crash: error instanceof Error ? error.message : String(error) }
  }
}
