import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Unavailable } from '@nomyo-internal/testing/install-locked'
import { serveFiles } from './local-servers.js'
import { startLoopback } from './loopback.js'
import { chromium } from './runtimes/chromium.js'
import { processRuntimes } from './runtimes/processes.js'
import type { Runtime, Surroundings } from './runtimes/runtime.js'
import { workerd } from './runtimes/workerd.js'
import type { Outcome } from './suites/case.js'
import { gatherVectors } from './vectors.js'

/** All runtimes that the packages support. */
export const RUNTIMES: readonly Runtime[] = [...processRuntimes, workerd, chromium]

/** Result of one runtime: the outcome of every case, or the reason why there is none. */
export interface Result {
  /** Name and version, as far as the version is known. */
  readonly title: string
  readonly runtime: Runtime
  readonly outcomes: readonly Outcome[]
  /** Why it cannot be obtained here. */
  readonly missing?: string
  /** Why it did not finish. */
  readonly crash?: string
}

/** Runtimes that run at the same time: half of their time they wait for keys and deadlines. */
const AT_A_TIME = 2

/** Runs all suites on every runtime and reports each on the console when it finishes. */
export async function runRuntimes(runtimes: readonly Runtime[]): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), 'nomyo-conformance-'))
  const files = new Map<string, string>()
  const pages = await serveFiles(files)
  const { loopback, stop } = await startLoopback(pages.url)
  try {
    const settings = { vectors: await gatherVectors(), loopback }
    const results: Result[] = []
    // The slowest are last in the list: started first, they do not run alone at the end.
    const waiting = [...runtimes.entries()].reverse()
    const lane = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, runtime] = next
        const own = join(folder, runtime.id)
        await mkdir(own)
        const surroundings = { settings, folder: own, pages: { url: pages.url, files } }
        const result = await runOne(runtime, surroundings)
        console.log(`${result.title}: ${result.missing ?? result.crash ?? result.outcomes.length}`)
        results[index] = result
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
  let title = runtime.name
  try {
    const { version, run } = await runtime.prepare()
    title += ` ${version}`
    return { title, runtime, outcomes: await run(surroundings) }
  } catch (error) {
    const result = { title, runtime, outcomes: [] }
    if (error instanceof Unavailable) return { ...result, missing: error.message }
    return { ...result, crash: error instanceof Error ? error.message : String(error) }
  }
}
